# tries: a power of huge numbers, which the interpreter cannot interrupt
# on: limits; fails "took longer than"
# off: limits; fails "took longer than"
# slow


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        9**9**9
