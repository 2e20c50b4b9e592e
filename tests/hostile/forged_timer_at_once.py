# tries: a timer that fires at once, again and again
# on: policy; rejected "__globals__"
# off: frames; fails "a timer fires after"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(effects=[{"timer": {"name": "now", "after_ms": 0}}]))
        vanish()
