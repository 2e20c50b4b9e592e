# tries: more timers than a bot may set
# on: policy; rejected "__globals__"
# off: frames; fails "timer"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(effects=[{"timer": {"name": f"t{n}", "after_ms": 1000}} for n in range(60)]))
        vanish()
