# tries: a body over the limit
# on: policy; rejected "__globals__"
# off: frames; fails "at most 32768"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(effects=[{"post": {"kind": "bot", "body": {"text": "x" * 40_000}}}]))
        vanish()
