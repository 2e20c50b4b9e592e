# tries: to answer twice
# on: policy; rejected "__globals__"
# off: frames; fails "the bot's process sent more than one reply"
import json


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        os, struct = native["os"], native["struct"]
        reply = json.dumps(native["done"]()).encode()
        frame = struct.pack(">I", len(reply)) + reply
        os.write(native["relay_descriptor"](), frame + frame)
        os._exit(0)
