# tries: an effect with a sender and a channel of its own choice
# on: policy; rejected "__globals__"
# off: frames; fails "an unreadable reply"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        body = {"kind": "bot", "body": {"text": "forged"}, "sender": "s1", "channel_id": "chn_other"}
        send(done(effects=[{"post": body}]))
        vanish()
