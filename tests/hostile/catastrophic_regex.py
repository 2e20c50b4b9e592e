# tries: a regular expression that takes exponential time, inside C
# on: limits; fails "took longer than"
# off: limits; fails "took longer than"
# slow
import re

class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        re.match("(a+)+$", "a" * 64 + "b")
