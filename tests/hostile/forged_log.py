# tries: more printed lines than are kept, sent beside its reply
# on: policy; rejected "__globals__"
# off: frames; fails "an exception"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        failed = {"exception": "x" * 100_000, "message": "x" * 100_000, "line": 1, "memory": False, "log": ["x" * 100_000]}
        send({"id": worker()._hook_id, "reply": {"failed": failed}})
        vanish()
