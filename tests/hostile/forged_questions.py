# tries: endless requests to the relay
# on: policy; rejected "__globals__"
# off: frames, limits; stopped
# slow


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        ask, asked = native["worker"]().ask, 0
        while True:
            ask({"resolve": {"host": f"{asked}.invalid"}})
            ask({"close": {"conn": asked}})
            asked += 1
