"""Replies to every player message with its text and the number of replies so far."""


class Counter:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = params
        self.state = ctx.get_state() or {"answers": 0, "joins": 0}

    def on_init(self):
        self.ctx.post("ready", {})

    def on_join(self, player_id):
        self.state["joins"] += 1
        self.work()
        self.ctx.set_state(self.state)
        self.ctx.post("welcome", {"player": player_id, "joins": self.state["joins"]})

    def on_message(self, msg):
        if msg["sender"].startswith("bot:"):
            return
        answer = self.answer(msg["body"]["text"])
        answer["to"] = msg["id"]
        self.ctx.post("answer", answer)

    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, "answer", self.answer(msg["text"]))

    def answer(self, text):
        self.state["answers"] += 1
        self.ctx.set_state(self.state)
        self.work()
        return {"text": text, "count": self.state["answers"]}

    def work(self):
        for _ in range(self.params["loops"]):
            pass
