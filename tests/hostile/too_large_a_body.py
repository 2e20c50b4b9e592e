# tries: to post one body over the limit
# on: ctx; fails "ValueError"
# off: ctx; fails "ValueError"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        self.ctx.post("bot", {"text": "x" * 10_000_000})
