# tries: long arithmetic inside C
# on: limits; fails "took longer than"
# off: limits; fails "took longer than"
# slow
import math

class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        math.factorial(10**8)
