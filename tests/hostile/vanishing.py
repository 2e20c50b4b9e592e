# tries: to end its process without a reply
# on: policy; rejected "Import of 'os' is not allowed"
# off: process; fails "the bot's process ended during on_message"
# says: attack, look
import os  # refused


class Bot:
    def on_message(self, msg):
        if msg["body"]["text"] == "attack":
            os._exit(0)
        self.ctx.post("bot", {"text": "over", "escaped": {}, "refused": [], "reached": []})
