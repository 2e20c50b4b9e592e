# tries: to continue after a MemoryError
# on: rlimits, limits; stopped
# off: rlimits, limits; stopped


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        held = []
        try:
            while True:
                held.append(bytearray(1 << 20))
        except MemoryError:
            pass
        raise ValueError("full")
