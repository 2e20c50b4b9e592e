# tries: to post more than a hook may
# on: ctx; fails "RuntimeError"
# off: ctx; fails "RuntimeError"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        for number in range(1_000_000):
            self.ctx.post("bot", {"n": number})
