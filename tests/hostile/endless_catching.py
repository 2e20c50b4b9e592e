# tries: to catch every exception that could end it
# on: limits; fails "took longer than"
# off: limits; fails "took longer than"
# slow


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        while True:
            try:
                while True:
                    pass
            except BaseException:
                continue
