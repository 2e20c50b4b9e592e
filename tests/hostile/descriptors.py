# tries: to use up the descriptors of its process
# on: rlimits; held
# off: rlimits; held
# says: attack, look
import io


class Bot:
    def on_message(self, msg):
        held, refused = [], []
        while len(held) < 100_000:
            try:
                held.append(io.open(self.ctx.workspace + "/x", "w"))
            except OSError as error:
                refused.append(str(error))
                break
        escaped = {} if len(held) < 1024 else {"descriptors": len(held)}
        Bot.held = held
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": refused, "reached": []})
