# tries: replies of the types of other requests
# on: policy; rejected "__globals__"
# off: frames; fails "the bot's process"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        ready = {"worker": "x", "python": "x", "lock_hash": "x", "sandbox": "x"}
        send({"id": worker()._hook_id, "reply": {"ready": ready}})
        vanish()
