# tries: to print more than is kept, by replacing its own log
# on: frames; fails "a reply over the limit"
# off: frames; fails "a reply over the limit"
import sys

PLAIN = type(sys.stdout).__name__ != "Log"


class Bot:
    def on_message(self, msg):
        if PLAIN:
            frame = getattr(sys, "_getframe")()
            while "effects" not in getattr(frame, "f_locals"):
                frame = getattr(frame, "f_back")
            log = getattr(getattr(frame, "f_locals")["self"], "_log")
        else:
            log = sys.stdout
        log.__init__(1 << 40)
        for _ in range(8):
            log.write("x" * 1_000_000)
