# tries: to reply past the runtime, and then to go on working
# on: policy; rejected "__globals__"
# off: frames; held


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        over = {"text": "over", "escaped": {}, "refused": [1], "reached": []}
        native["send"](native["done"](effects=[{"post": {"kind": "bot", "body": over}}]))
        while True:
            pass
