# tries: to block the caller that attaches it
# on: limits; rejected "on_init failed: on_init took longer than"
# off: limits; rejected "on_init failed: on_init took longer than"
# slow


class Bot:
    def on_init(self):
        while True:
            pass

    def on_message(self, msg):
        pass
