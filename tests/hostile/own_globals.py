# tries: to pass something from one hook to the next: globals, classes, attributes, files, finalizers
# on: process; held
# off: process; held
# says: attack, look
import io
import weakref

SEEN = []


class Shared:
    kept = []


def late(ctx):
    ctx.post("bot", {"text": "over", "escaped": {"finalizer": True}, "refused": [], "reached": []})


class Bot:
    kept = []

    def on_message(self, msg):
        found = {"globals": list(SEEN), "class": list(Shared.kept), "own": list(Bot.kept)}
        try:
            with io.open(self.ctx.workspace + "/left") as file:
                found["file"] = file.read()
        except OSError:
            pass
        SEEN.append(1)
        Shared.kept.append(1)
        Bot.kept.append(1)
        self.held = self
        weakref.finalize(self, late, self.ctx)

        def waiting():
            try:
                yield
            finally:
                late(self.ctx)

        self.waiting = waiting()
        next(self.waiting)
        with io.open(self.ctx.workspace + "/left", "w") as file:
            file.write("left")
        for _ in range(2000):
            ring = []
            ring.append(ring)
        escaped = {name: value for name, value in found.items() if value}
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": ["asked"], "reached": []})
