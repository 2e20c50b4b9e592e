# tries: to keep whoever attaches it waiting
# on: limits; rejected "on_init failed: on_init took longer than"
# off: limits; rejected "on_init failed: on_init took longer than"
# slow


class Bot:
    def on_init(self):
        while True:
            pass

    def on_message(self, msg):
        pass
