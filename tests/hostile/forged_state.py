# tries: a state over the limit
# on: policy; rejected "__globals__"
# off: frames; fails "at most 1048576"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(state=native["json"].dumps({"x": "y" * 1_100_000})))
        vanish()
