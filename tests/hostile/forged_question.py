# tries: a request to the relay of a type that does not exist
# on: policy; rejected "__globals__"
# off: frames; fails "the bot's process sent"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send({"id": worker()._hook_id, "ask": {"shell": {"command": "id"}}})
        vanish()
