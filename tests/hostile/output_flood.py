# tries: to flood the reader of its process's output, past the runtime
# on: policy; rejected "Import of 'os' is not allowed"
# off: process, limits; stopped
# slow
import os  # refused


class Bot:
    def on_message(self, msg):
        for _ in range(300):
            for descriptor in (1, 2):
                try:
                    os.write(descriptor, b"x" * (1 << 20))
                except OSError:
                    continue
        self.ctx.post("bot", {"text": "over", "escaped": {}, "refused": ["none"], "reached": []})
