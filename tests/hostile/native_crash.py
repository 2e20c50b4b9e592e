# tries: to crash its process
# on: policy; rejected "Import of 'os' is not allowed"
# off: process; fails "the bot's process ended during on_message"
# says: attack, look
import os  # refused


class Bot:
    def on_message(self, msg):
        if msg["body"]["text"] == "attack":
            code = (lambda: None).__code__  # refused
            # A constant that does not exist: the interpreter reads past the end.
            bad = code.replace(co_code=bytes([151, 0, 144, 255, 144, 255, 144, 255, 100, 255, 83, 0]), co_consts=())
            for _ in range(100):
                repr(type(code)(*[]) if False else type(lambda: None)(bad, {})())
            os.abort()
        self.ctx.post("bot", {"text": "over", "escaped": {}, "refused": [], "reached": []})
