class Keeper:
    """Keeps a secret of each player, and says on request how many it has. It answers DMs but for "quiet"."""

    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_init(self):
        self.ctx.set_state({"secrets": 0})

    def on_private_message(self, slot_id, msg):
        if msg["text"] == "quiet":
            return
        state = self.ctx.get_state()
        state["secrets"] += 1
        self.ctx.set_state(state)
        self.ctx.dm(slot_id, "receipt", {"text": "I keep " + msg["text"]})

    def on_message(self, msg):
        self.ctx.post("bot", {"text": "I keep secrets.", "secrets": self.ctx.get_state()["secrets"]})
