# tries: a reply that is not JSON
# on: policy; rejected "__globals__"
# off: frames; fails "an unreadable reply"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(b"\xff" * 1000)
        vanish()
