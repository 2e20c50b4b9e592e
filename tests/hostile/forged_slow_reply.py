# tries: a reply that is never complete
# on: policy; rejected "__globals__"
# off: frames; fails "took longer than"
# slow


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        import os
        import struct

        os.write(native["relay_descriptor"](), struct.pack(">I", 1000) + b"x")
        while True:
            pass
