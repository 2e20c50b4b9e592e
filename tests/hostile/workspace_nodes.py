# tries: more files than the disk has inodes for
# on: namespaces, limits; stopped
# off: namespaces, limits; stopped
# says: attack, look
# slow
import io


class Bot:
    def on_message(self, msg):
        made = 0
        if msg["body"]["text"] == "attack":
            while made < 1_000_000:
                io.open(self.ctx.workspace + f"/{made}", "w").close()
                made += 1
        escaped = {"files": made} if made else {}
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": ["none"], "reached": []})
