# tries: to exit the process
# on: python; fails "SystemExit"
# off: python; fails "SystemExit"
import sys

class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        sys.exit(3)
