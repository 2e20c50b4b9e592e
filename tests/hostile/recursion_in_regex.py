# tries: nesting that exhausts the C stack: a regular expression
# on: python; fails "RecursionError"
# off: python; fails "RecursionError"
import re

class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        re.compile("(" * 100_000 + ")" * 100_000)
