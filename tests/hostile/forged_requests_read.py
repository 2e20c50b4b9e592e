# tries: to read the relay's requests in place of the runtime
# on: policy; rejected "__globals__"
# off: frames; stopped
# says: attack, look


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        import os

        if msg["body"]["text"] == "attack":
            os.set_blocking(native["relay_descriptor"](), False)
            read = os.read(native["relay_descriptor"](), 10)
            self.ctx.post("bot", {"text": "over", "escaped": {"read": ascii(read)}, "refused": [], "reached": []})
        else:
            self.ctx.post("bot", {"text": "over", "escaped": {}, "refused": [], "reached": []})
