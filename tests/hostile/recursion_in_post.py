# tries: to post endlessly nested data
# on: ctx; fails "ValueError"
# off: ctx; fails "ValueError"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        held = []
        held.append(held)
        self.ctx.post("bot", {"x": held})
