"""A bot's clock: it starts at the time of the entry that started the hook, and advances 1 µs with each reading.

The time is therefore a function of the log, as replay requires, and still advances for code that waits in a
loop. `time.sleep` advances it by the given duration and returns immediately.
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
        self.max_ns = 0

    def set(self, now_ms, max_ms):
        self.start_ns = self.now_ns = now_ms * 1_000_000
        self.max_ns = max_ms * 1_000_000

    def read(self):
        self.now_ns += _TICK_NS
        return self.now_ns

    def sleep(self, seconds):
        nanoseconds = round(seconds * 1e9)
        if nanoseconds < 0:
            raise ValueError("sleep length must be non-negative")
        if self.now_ns + nanoseconds - self.start_ns > self.max_ns:
            raise TimeoutError("sleeping that long exceeds the hook's time limit; to wait longer, set a ctx.timer and return")
        self.now_ns += nanoseconds


_clock = _Clock()


def set_time(now_ms, max_ms):
    """Sets the clock at the start of a hook, in milliseconds since 1970; the hook may sleep `max_ms` in total."""
    _clock.set(now_ms, max_ms)


def _seconds(seconds):
    return _clock.read() / 1e9 if seconds is None else seconds


# Library code written in C still creates real dates and datetimes, so `isinstance` must accept those as well.
class _DateMeta(type):
    _real = datetime.date

    def __instancecheck__(cls, value):
        return isinstance(value, cls._real)

    def __subclasscheck__(cls, other):
        return issubclass(other, cls._real)


class _DateTimeMeta(_DateMeta):
    _real = datetime.datetime


class _DateTime(datetime.datetime, metaclass=_DateTimeMeta):
    """`datetime.datetime`, with the bot's clock."""

    @classmethod
    def now(cls, tz=None):
        microseconds = _clock.read() // 1000
        moment = cls.fromtimestamp(0, datetime.timezone.utc) + datetime.timedelta(microseconds=microseconds)
        return moment.replace(tzinfo=None) if tz is None else moment.astimezone(tz)

    @classmethod
    def utcnow(cls):
        return cls.now()

    @classmethod
    def today(cls):
        return cls.now()


class _Date(datetime.date, metaclass=_DateMeta):
    """`datetime.date`, with the bot's clock."""

    @classmethod
    def today(cls):
        now = _DateTime.now()
        return cls(now.year, now.month, now.day)


for _class, _name in ((_DateTime, "datetime"), (_Date, "date")):
    _class.__name__ = _class.__qualname__ = _name
    _class.__module__ = "datetime"


def install():
    """Replaces the clocks of this process by the bot's clock, with UTC as the local time zone."""
    time.time_ns = time.monotonic_ns = time.perf_counter_ns = _clock.read
    time.process_time_ns = time.thread_time_ns = _clock.read
    time.time = time.monotonic = time.perf_counter = lambda: _clock.read() / 1e9
    time.process_time = time.thread_time = time.time
    time.clock_gettime = lambda clock: _clock.read() / 1e9
    time.clock_gettime_ns = lambda clock: _clock.read()
    time.sleep = _clock.sleep
    time.gmtime = time.localtime = lambda seconds=None: _real["gmtime"](_seconds(seconds))
    time.ctime = lambda seconds=None: _real["asctime"](_real["gmtime"](_seconds(seconds)))
    time.asctime = lambda t=None: _real["asctime"](time.gmtime() if t is None else t)
    time.strftime = lambda form, t=None: _real["strftime"](form, time.gmtime() if t is None else t)
    datetime.datetime = _DateTime
    datetime.date = _Date
