class Clock:
    """Ends a turn five seconds after a post, and holds the seats meanwhile."""

    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_message(self, msg):
        self.ctx.hold_seats(60)
        self.ctx.timer("turn", 5)

    def on_timer(self, name):
        self.ctx.post("bot", {"text": "Time is up for the " + name + "."})
