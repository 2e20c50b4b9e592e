# tries: to exhaust memory while its source is loaded
# on: rlimits; rejected "MemoryError"
# off: rlimits; rejected "MemoryError"
HELD = [bytes(1 << 20) for _ in range(2000)]


class Bot:
    def on_message(self, msg):
        pass
