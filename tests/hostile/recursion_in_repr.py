# tries: nesting that exhausts the C stack: a list that is printed, compared and hashed
# on: python, process; stopped
# off: python, process; stopped


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        held = ()
        for _ in range(1_000_000):
            held = (held,)
        for act in (repr, hash, lambda value: value == (value,)):
            try:
                act(held)
            except RecursionError:
                continue
        raise ValueError("nested")
