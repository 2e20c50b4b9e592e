# tries: numbers that readers would parse differently
# on: policy; rejected "__globals__"
# off: frames; fails "beyond"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(effects=[{"post": {"kind": "bot", "body": {"n": 2**60}}}]))
        vanish()
