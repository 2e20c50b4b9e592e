# tries: an endless loop in the formatting of its own exception
# on: limits; fails "took longer than"
# off: limits; fails "took longer than"
# slow


class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        class Sticky(Exception):
            def __str__(self):
                while True:
                    pass

        raise Sticky()
