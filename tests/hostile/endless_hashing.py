# tries: long work inside C that releases the interpreter lock
# on: limits; fails "took longer than"
# off: limits; fails "took longer than"
# slow
import hashlib

class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2**31 - 1)
