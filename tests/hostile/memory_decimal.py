# tries: a decimal number with as many digits as possible
# on: rlimits, limits; stopped
# off: rlimits, limits; stopped
import decimal

class Bot:
    def on_message(self, msg):
        self.ctx.set_state({"discarded": True})
        self.ctx.post("bot", {"text": "discarded"})
        decimal.getcontext().prec = decimal.MAX_PREC
        decimal.getcontext().Emax = decimal.MAX_EMAX
        decimal.Decimal(1) / 3
