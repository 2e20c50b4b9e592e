# tries: randomness drawn from a seed that is not the current one
# on: policy; rejected "__globals__"
# off: frames; fails "drew from"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(drawn=[{"epoch": 7, "open": True, "from": 0, "to": 9}]))
        vanish()
