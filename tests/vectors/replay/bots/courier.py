import urllib.request


class Courier:
    """Fetches a page when a DM asks for it, and says on request what came of it."""

    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_private_message(self, slot_id, msg):
        try:
            urllib.request.urlopen("http://" + msg["text"])
        except OSError as error:
            self.ctx.set_state({"found": str(error)})

    def on_message(self, msg):
        self.ctx.post("bot", {"text": "I found: " + self.ctx.get_state()["found"]})
