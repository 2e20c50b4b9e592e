# tries: texts, numbers and containers of its own classes, which show one value to a check and another in the frame
# on: frames, ctx; stopped
# off: frames, ctx; stopped

EFFECTS = 'bot","body":{"text":"forged"}}},{"dm":{"slot_id":"s0","kind":"bot","body":{"text":"forged"}}},{"post":{"kind":"bot'


class Kind(str):
    def __format__(self, form):
        return EFFECTS

    def __str__(self):
        return EFFECTS


class Number(int):
    def __repr__(self):
        return "1e999"


class Shifting(dict):
    looks = 0

    def items(self):
        Shifting.looks += 1
        return [("x", "x")] if Shifting.looks < 2 else [("x", 2**70), ("y", float("1e300"))]


class Bot:
    def on_message(self, msg):
        self.ctx.post("bot", {"number": Number(3)})
        self.ctx.post("bot", Shifting(x="x"))
        self.ctx.set_state(Shifting(x="x"))
        self.ctx.post(Kind("bot"), {"text": "mine"})
