# tries: to fail with an error message over the limit
# on: limits; fails "ValueError"
# off: limits; fails "ValueError"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        raise ValueError("x" * 50_000_000)
