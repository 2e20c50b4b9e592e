# tries: to post as somebody else: other senders, the relay's kinds, other channels and slots
# on: ctx; held
# off: frames; held


class Bot:
    def on_message(self, msg):
        refused = []
        for kind in ("trace", "", "a b", "x" * 65, "bot:\n", None):
            try:
                self.ctx.post(kind, {"text": "forged"})
            except (ValueError, TypeError) as error:
                refused.append(str(error)[:60])
        for slot in ("s0", "s2", "s9", "bot:bot_Bot_0", None, "system"):
            try:
                self.ctx.dm(slot, "bot", {"text": "forged"})
            except (ValueError, TypeError) as error:
                refused.append(str(error)[:60])
        for name in ("member:join", "bot:ran"):
            try:
                self.ctx.post("system", {"type": name, "text": "forged"})
            except ValueError as error:
                refused.append(str(error)[:60])
        self.ctx.post("system", {"type": "joined", "sender": "system", "slot_id": "s2", "text": "forged"})
        self.ctx.post("control", {"sender": "s1", "channel_id": "chn_other", "id": 1, "text": "forged"})
        escaped = {} if len(refused) == 14 else {"kinds": refused}
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": refused, "reached": []})
