# tries: to set more timers than a bot may
# on: limits; fails "at most"
# off: limits; fails "at most"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        for number in range(1000):
            self.ctx.timer(f"t{number}", 1)
