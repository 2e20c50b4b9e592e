# tries: to draw so much randomness that the position overflows
# on: policy; rejected "__globals__"
# off: frames; fails "drew from"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(drawn=[{"epoch": 0, "open": False, "from": 0, "to": 2**64 - 1}]))
        vanish()
