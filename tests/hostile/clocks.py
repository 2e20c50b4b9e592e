# tries: the machine's own clock, which a replay cannot reproduce
# on: facades; held
# off: process; held
import datetime
import time


def unless_bots_clock(moment, ctx):
    """Reports a moment, unless it is the bot's clock: the time of the hook's trigger, which is behind the machine's."""
    if not -1e-3 < moment - ctx.now < 1e-3:
        REACHED.append(f"clock {moment - ctx.now}")
    raise LookupError("the bot's own time")


def by_time(ctx):
    return unless_bots_clock(time.time(), ctx)


def by_clock(ctx):
    return unless_bots_clock(time.clock_gettime(0), ctx)


def by_clock_in_nanoseconds(ctx):
    return unless_bots_clock(time.clock_gettime_ns(0) / 1e9, ctx)


def by_date(ctx):
    return unless_bots_clock(datetime.datetime.now(datetime.timezone.utc).timestamp(), ctx)


def by_setting(ctx):
    if ctx.params["pid"]:
        getattr(time, "clock_settime")(1, 0.0)
    return "set"


ATTEMPTS = [by_time, by_clock, by_clock_in_nanoseconds, by_date, by_setting]
