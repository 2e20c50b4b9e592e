# tries: more posts than a hook may make
# on: policy; rejected "__globals__"
# off: frames; fails "at most 100 messages"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(effects=[{"post": {"kind": "bot", "body": {"text": "forged"}}}] * 101))
        vanish()
