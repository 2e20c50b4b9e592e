# tries: to close the socket to the relay
# on: policy; rejected "__globals__"
# off: frames; fails "the bot's process ended"
# slow


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        send, done, worker, vanish = (native[name] for name in ("send", "done", "worker", "vanish"))
        native["os"].close(native["relay_descriptor"]())
        while True:
            pass
