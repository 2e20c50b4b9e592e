# tries: to call itself for ever
# on: python; fails "RecursionError"
# off: python; fails "RecursionError"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        def again():
            again()

        again()
