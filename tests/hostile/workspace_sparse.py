# tries: files larger than the disk, without content
# on: rlimits, limits; stopped
# off: rlimits, limits; stopped
import io


class Bot:
    def on_message(self, msg):
        for number in range(8):
            with io.open(self.ctx.workspace + f"/sparse{number}", "wb") as file:
                file.truncate(1 << 40)
        self.ctx.post("bot", {"text": "over", "escaped": {"bytes": 8 << 40}, "refused": [], "reached": []})
