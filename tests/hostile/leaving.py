# tries: to exit the process
# on: python; fails "SystemExit: 3"
# off: python; fails "SystemExit: 3"
import sys

class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        sys.exit(3)
