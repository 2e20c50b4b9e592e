# tries: to keep a state over the limit
# on: ctx; fails "ValueError"
# off: ctx; fails "ValueError"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        self.ctx.set_state({"x": "y" * 2_000_000})
