# tries: the machine's own clock, which no replay gets again
# on: facades; held
# off: process; held
import datetime
import time


def told(moment, ctx):
    """The bot's clock says what started the hook; the machine's is ahead of it."""
    if not -1e-3 < moment - ctx.now < 1e-3:
        REACHED.append(f"clock {moment - ctx.now}")
    raise LookupError("the bot's own time")


def by_time(ctx):
    return told(time.time(), ctx)


def by_clock(ctx):
    return told(time.clock_gettime(0), ctx)


def by_clock_in_nanoseconds(ctx):
    return told(time.clock_gettime_ns(0) / 1e9, ctx)


def by_date(ctx):
    return told(datetime.datetime.now(datetime.timezone.utc).timestamp(), ctx)


def by_setting(ctx):
    if ctx.params["pid"]:
        getattr(time, "clock_settime")(1, 0.0)
    return "set"


ATTEMPTS = [by_time, by_clock, by_clock_in_nanoseconds, by_date, by_setting]
