# tries: the exceptions that end a program
# on: python; fails "KeyboardInterrupt"
# off: python; fails "KeyboardInterrupt"


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        try:
            raise GeneratorExit
        except GeneratorExit:
            raise KeyboardInterrupt
