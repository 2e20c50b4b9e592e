# tries: to be endless where its failure is put into words
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
