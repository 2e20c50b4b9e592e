# tries: to block the relay while its source is loaded
# on: limits; rejected "loading the source took longer than"
# off: limits; rejected "loading the source took longer than"
# slow
while True:
    pass


class Bot:
    def on_message(self, msg):
        pass
