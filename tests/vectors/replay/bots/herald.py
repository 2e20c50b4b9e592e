class Herald:
    """Says in public what DMs tell it, thanks their senders, and says on request how many there were."""

    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_init(self):
        self.ctx.set_state({"said": 0})

    def on_private_message(self, slot_id, msg):
        self.ctx.set_state({"said": self.ctx.get_state()["said"] + 1})
        self.ctx.post("bot", {"text": "Somebody says: " + msg["text"]})
        self.ctx.dm(slot_id, "receipt", {"text": "Said."})

    def on_message(self, msg):
        self.ctx.post("bot", {"text": "I count.", "said": self.ctx.get_state()["said"]})
