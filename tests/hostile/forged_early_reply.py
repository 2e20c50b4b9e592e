# tries: to answer the next hook before it is called
# on: policy; rejected "__globals__"
# off: frames; stopped
# says: attack, look


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        over = {"text": "over", "escaped": {}, "refused": [1], "reached": []}
        if msg["body"]["text"] == "attack":
            reply = native["done"](effects=[{"post": {"kind": "bot", "body": over}}])
            native["send"](reply)
            over = over | {"escaped": {"early": True}}
            early = native["done"](effects=[{"post": {"kind": "bot", "body": over}}])
            native["send"](early | {"id": reply["id"] + 1})
            while True:
                pass
        self.ctx.post("bot", over)
