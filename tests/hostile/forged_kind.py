# tries: a kind that is reserved for the relay
# on: policy; rejected "__globals__"
# off: frames; fails "trace"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(effects=[{"post": {"kind": "trace", "body": {"type": "ran", "text": "forged"}}}]))
        vanish()
