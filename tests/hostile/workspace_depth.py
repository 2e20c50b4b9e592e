# tries: directories so deep that removing them exhausts the stack
# on: policy; rejected "Import of 'os' is not allowed"
# off: namespaces, limits; stopped
# says: attack, look
# slow
import os  # refused


class Bot:
    def on_message(self, msg):
        made = 0
        if msg["body"]["text"] == "attack":
            os.chdir(self.ctx.workspace)
            try:
                while made < 60_000:
                    os.mkdir("d")
                    os.chdir("d")
                    made += 1
            except OSError:
                pass
        self.ctx.post("bot", {"text": "over", "escaped": {}, "refused": [made], "reached": []})
