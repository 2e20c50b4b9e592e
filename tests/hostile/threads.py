# tries: an unlimited number of threads, and threads that act during its next hook
# on: policy; rejected "Import of 'threading' is not allowed"
# off: seccomp, rlimits, limits; stopped
# says: attack, look
import threading  # refused


class Bot:
    def on_message(self, msg):
        refused, made = [], 0
        ctx = self.ctx

        def late():
            while True:
                try:
                    ctx.post("bot", {"text": "over", "escaped": {"thread": True}, "refused": [], "reached": []})
                except RuntimeError:
                    continue

        if msg["body"]["text"] == "attack":
            try:
                while made < 100_000:
                    threading.Thread(target=late if made == 0 else threading.Event().wait, daemon=True).start()
                    made += 1
            except (RuntimeError, MemoryError) as error:
                refused.append(str(error))
        escaped = {"threads": made} if made > 1000 else {}
        ctx.post("bot", {"text": "over", "escaped": escaped, "refused": refused, "reached": []})
