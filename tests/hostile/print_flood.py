# tries: to print without end
# on: ctx, limits; stopped
# off: ctx, limits; stopped
# slow


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        for number in range(2000):
            print("x" * 1_000_000)
        raise ValueError("printed")
