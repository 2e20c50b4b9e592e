# tries: nesting that exhausts the C stack: JSON
# on: python; fails "RecursionError"
# off: python; fails "RecursionError"
import json

class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        json.loads("[" * 1_000_000)
