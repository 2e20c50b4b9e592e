# tries: a text of 1 GB
# on: rlimits, limits; fails "MemoryError"
# off: rlimits, limits; fails "MemoryError"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        "x" * (1 << 30)
