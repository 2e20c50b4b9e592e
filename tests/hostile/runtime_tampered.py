# tries: to change the runtime of its process, in a way that other bots could notice
# on: policy; rejected "Import of 'multiplayer.context' is not allowed"
# off: process; stopped
import multiplayer.context  # refused
import multiplayer.clock  # refused
import json
import random
import time


class Bot:
    def on_message(self, msg):
        multiplayer.context.Context.post = lambda self, kind, body: None
        multiplayer.context.Effects.set_state = lambda self, state: None
        random.random = lambda: 4
        time.time = lambda: 0.0
        json.dumps = lambda *values, **how: '"hostile"'
