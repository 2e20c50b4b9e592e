# tries: to fill the disk with many files
# on: namespaces, limits; stopped
# off: namespaces, limits; stopped
import io


class Bot:
    def on_message(self, msg):
        for number in range(30):
            with io.open(self.ctx.workspace + f"/large{number}", "wb") as file:
                for _ in range(10):
                    file.write(b"x" * (1 << 20))
        self.ctx.post("bot", {"text": "over", "escaped": {"bytes": 300 << 20}, "refused": [], "reached": []})
