# tries: a frame whose announced length is over the limit
# on: policy; rejected "__globals__"
# off: frames; fails "a reply over the limit"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        import os
        import struct

        os.write(native["relay_descriptor"](), struct.pack(">I", 0xFFFFFFFF) + b"x" * 1000)
        vanish()
