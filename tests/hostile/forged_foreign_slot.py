# tries: a DM to a slot that no player holds
# on: policy; rejected "__globals__"
# off: frames; fails "a DM went to a slot that no player holds"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(effects=[{"dm": {"slot_id": "s2", "kind": "bot", "body": {"text": "forged"}}}]))
        vanish()
