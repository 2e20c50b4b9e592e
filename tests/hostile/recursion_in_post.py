# tries: to post endlessly nested data
# on: ctx; fails "nested deeper than 32 levels"
# off: ctx; fails "nested deeper than 32 levels"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        held = []
        held.append(held)
        self.ctx.post("bot", {"x": held})
