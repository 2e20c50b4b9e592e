# tries: to run for ever
# on: limits; fails "took longer than"
# off: limits; fails "took longer than"
# slow


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        while True:
            pass
