# tries: a state that is not an object
# on: policy; rejected "__globals__"
# off: frames; fails "state is not a JSON object"


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        send(done(state="[1]"))
        vanish()
