import random


class Dice:
    """Rolls a die after each post. "begin" asks for the players' randomness, "reveal" shows the seed."""

    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_start(self, contributors, missing):
        self.ctx.post("bot", {"text": "Ready.", "contributors": contributors})

    def on_message(self, msg):
        text = msg["body"]["text"]
        if text == "begin":
            self.ctx.start()
        elif text == "reveal":
            self.ctx.reveal()
        else:
            self.ctx.post("bot", {"text": "Rolled.", "roll": random.randint(1, 6)})
