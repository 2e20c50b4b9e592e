# tries: to answer a request other than the one it received
# on: policy; rejected "__globals__"
# off: frames; fails "a reply to another request"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        reply = done()
        reply["id"] += 1
        send(reply)
        vanish()
