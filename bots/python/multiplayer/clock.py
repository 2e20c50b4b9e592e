"""The time that a bot sees: that of what started the hook, a microsecond later at each look.

So it is a function of the log, and moves on for code that waits for it to. `time.sleep` moves it too,
and returns at once.
"""

import datetime
import time

_real = {
    name: getattr(time, name)
    for name in ("gmtime", "localtime", "ctime", "asctime", "strftime", "mktime")
}
_TICK_NS = 1000


class _Clock:
    def __init__(self):
        self.start_ns = 0
        self.now_ns = 0
        self.most_ns = 0

    def set(self, now_ms, most_ms):
        self.start_ns = self.now_ns = now_ms * 1_000_000
        self.most_ns = most_ms * 1_000_000

    def look(self):
        self.now_ns += _TICK_NS
        return self.now_ns

    def sleep(self, seconds):
        nanoseconds = round(seconds * 1e9)
        if nanoseconds < 0:
            raise ValueError("sleep length must be non-negative")
        if self.now_ns + nanoseconds - self.start_ns > self.most_ns:
            raise TimeoutError("sleeping would take longer than a hook may; ctx.timer calls on_timer later")
        self.now_ns += nanoseconds


_clock = _Clock()


def set_time(now_ms, most_ms):
    """Begins a hook at this time, in milliseconds since 1970; it may sleep for `most_ms` in all."""
    _clock.set(now_ms, most_ms)


def _seconds(seconds):
    return _clock.look() / 1e9 if seconds is None else seconds


# What the libraries make by themselves is still a date or a datetime.
class _IsDate(type):
    _real = datetime.date

    def __instancecheck__(cls, value):
        return isinstance(value, cls._real)

    def __subclasscheck__(cls, other):
        return issubclass(other, cls._real)


class _IsDateTime(_IsDate):
    _real = datetime.datetime


class _DateTime(datetime.datetime, metaclass=_IsDateTime):
    """`datetime.datetime`, with the bot's clock."""

    @classmethod
    def now(cls, tz=None):
        microseconds = _clock.look() // 1000
        moment = cls.fromtimestamp(0, datetime.timezone.utc) + datetime.timedelta(microseconds=microseconds)
        return moment.replace(tzinfo=None) if tz is None else moment.astimezone(tz)

    @classmethod
    def utcnow(cls):
        return cls.now()

    @classmethod
    def today(cls):
        return cls.now()


class _Date(datetime.date, metaclass=_IsDate):
    """`datetime.date`, with the bot's clock."""

    @classmethod
    def today(cls):
        now = _DateTime.now()
        return cls(now.year, now.month, now.day)


for _class, _name in ((_DateTime, "datetime"), (_Date, "date")):
    _class.__name__ = _class.__qualname__ = _name
    _class.__module__ = "datetime"


def install():
    """Gives this process the bot's clock; time zones are UTC."""
    time.time_ns = time.monotonic_ns = time.perf_counter_ns = _clock.look
    time.process_time_ns = time.thread_time_ns = _clock.look
    time.time = time.monotonic = time.perf_counter = lambda: _clock.look() / 1e9
    time.process_time = time.thread_time = time.time
    time.clock_gettime = lambda clock: _clock.look() / 1e9
    time.clock_gettime_ns = lambda clock: _clock.look()
    time.sleep = _clock.sleep
    time.gmtime = time.localtime = lambda seconds=None: _real["gmtime"](_seconds(seconds))
    time.ctime = lambda seconds=None: _real["asctime"](_real["gmtime"](_seconds(seconds)))
    time.asctime = lambda t=None: _real["asctime"](time.gmtime() if t is None else t)
    time.strftime = lambda form, t=None: _real["strftime"](form, time.gmtime() if t is None else t)
    datetime.datetime = _DateTime
    datetime.date = _Date
