# tries: a list that doubles until memory is exhausted
# on: rlimits, limits; fails "MemoryError"
# off: rlimits, limits; fails "MemoryError"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        held = [0]
        while True:
            held = held * 2
