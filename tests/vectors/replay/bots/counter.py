class Counter:
    """Counts posts. A post with the text "fail" makes it fail."""

    def __init__(self, ctx, params):
        self.ctx = ctx
        self.step = params.get("step", 1)

    def on_init(self):
        self.ctx.set_state({"count": 0})
        self.ctx.post("bot", {"text": "Count with me."})

    def on_message(self, msg):
        state = self.ctx.get_state()
        state["count"] += self.step
        self.ctx.set_state(state)
        self.ctx.post("bot", {"text": "Counted.", "count": state["count"]})
        if msg["body"]["text"] == "fail":
            raise ValueError("as asked")

    def on_leave(self, player_id):
        self.ctx.post("bot", {"text": "Bye."})
