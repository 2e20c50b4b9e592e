# tries: to fill the disk with one file
# on: rlimits, limits; stopped
# off: rlimits, limits; stopped
import io


class Bot:
    def on_message(self, msg):
        with io.open(self.ctx.workspace + "/large", "wb") as file:
            for _ in range(300):
                file.write(b"x" * (1 << 20))
        self.ctx.post("bot", {"text": "over", "escaped": {"bytes": 300 << 20}, "refused": [], "reached": []})
