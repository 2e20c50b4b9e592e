"""The keystream from which a bot draws randomness: a function of the log, so that draws can be replayed.

It consists of HMAC-SHA256 under a key of the numbers 0, 1, 2, ..., each as 8 bytes, big-endian. The relay supplies
the key and the position. `ctx.reveal()` switches to another key; so does `ctx.start()`, but only when `on_start` is called.
"""

import hmac
import os
import random
import sys

# Without the C library's UUIDs: they contain the machine's MAC address and a clock sequence, which a replay cannot reproduce.
sys.modules.setdefault("_uuid", None)
import uuid

_BLOCK = 32

# A replay searches for this text.
UNKNOWN_SEED = "the seed to draw from is not known here"


class Stream:
    """The keystream of one hook; `drawn` lists the ranges that were drawn, one per key."""

    def __init__(self, settings):
        self._settings = settings
        self.epoch = settings["epoch"]
        self.is_open = settings["open"]
        self.is_starting = settings["starting"]
        self.drawn = []
        self._use(settings["key"], settings["position"])

    def start(self):
        """Asks for the players' randomness; returns False if that has been asked for already."""
        if self.is_starting:
            return False
        self.is_starting = True
        return True

    def reveal(self):
        if self.is_starting:
            raise RuntimeError("ctx.start() has not been answered yet; reveal the seed in on_start or later")
        if self.epoch != self._settings["epoch"]:
            raise RuntimeError("a hook can reveal only one seed")
        if self._settings["last"]:
            raise RuntimeError("the bot has revealed all of its seeds; attach the bot again")
        self._end_range()
        self.epoch += 1
        self.is_open = False
        self._use(self._settings["next_key"], 0)

    def take(self, count):
        """Returns the next `count` bytes."""
        if self._key is None:
            # Counts as drawn, so that a replay notices the attempt although the bot may catch the error.
            self._position += max(count, 1)
            raise RuntimeError(UNKNOWN_SEED)
        first, offset = divmod(self._position, _BLOCK)
        last = (self._position + count + _BLOCK - 1) // _BLOCK
        if last - first == 1:
            found = self._block(first)
        else:
            found = b"".join(map(self._block, range(first, last)))
        self._position += count
        return found[offset : offset + count]

    def close(self):
        self._end_range()
        return self.drawn

    def _use(self, key, position):
        # A replay may lack a key if nothing was drawn with it.
        self._key = None if key is None else bytes.fromhex(key)
        self._from = self._position = position
        self._cached = None, b""

    def _block(self, number):
        cached, block = self._cached
        if cached != number:
            block = hmac.digest(self._key, number.to_bytes(8, "big"), "sha256")
            self._cached = number, block
        return block

    def _end_range(self):
        if self._position > self._from:
            drawn = {"epoch": self.epoch, "open": self.is_open, "from": self._from, "to": self._position}
            self.drawn.append(drawn)
            self._from = self._position


class _Source:
    """The source of all randomness in this process: the stream of the current hook."""

    def __init__(self):
        self.stream = None

    def take(self, count):
        if count < 0:
            raise ValueError("negative argument not allowed")
        if self.stream is None:
            raise RuntimeError("randomness can be drawn only in a hook, not while the source is loaded")
        return self.stream.take(count)


_source = _Source()


def use(stream):
    """Makes this stream the source of all randomness."""
    _source.stream = stream


def urandom(size):
    """Bytes from the bot's keystream."""
    return _source.take(size)


class KeystreamRandom(random.Random):
    """`random.Random` that draws from the keystream and ignores seeds."""

    def __new__(cls, seed=None):
        return super().__new__(cls)

    def __init__(self, seed=None):
        self.gauss_next = None

    def random(self):
        return (int.from_bytes(_source.take(7), "big") >> 3) * 2**-53

    def getrandbits(self, k):
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        count = (k + 7) // 8
        return int.from_bytes(_source.take(count), "big") >> (count * 8 - k)

    def randbytes(self, n):
        return _source.take(n)

    def seed(self, *args, **kwargs):
        self.gauss_next = None

    def getstate(self):
        raise NotImplementedError("the relay stores the position of the keystream; a bot can't read or set it")

    setstate = getstate


class SeededRandom(random.Random):
    """The bot's `random.Random`: without a seed, it takes one from the keystream."""

    def __init__(self, x=None):
        super().__init__(_source.take(32) if x is None else x)

    def seed(self, a=None, version=2):
        super().seed(_source.take(32) if a is None else a, version)


def install():
    """Replaces all sources of randomness in this process by the keystream, also for libraries imported later."""
    shared = KeystreamRandom()
    os.urandom = urandom
    random._urandom = urandom
    for name in ("random", "getrandbits", "randbytes"):
        setattr(random.SystemRandom, name, getattr(KeystreamRandom, name))
    for name in random.__all__:
        if hasattr(random.Random, name) and callable(getattr(random, name)) and not isinstance(getattr(random, name), type):
            setattr(random, name, getattr(shared, name))
    random._inst = shared
    random.Random = SeededRandom
    random.seed = shared.seed
    secrets = sys.modules.get("secrets")
    if secrets is not None:
        secrets._sysrand = random.SystemRandom()
        secrets.choice = secrets._sysrand.choice
        secrets.randbits = secrets._sysrand.getrandbits
    # In case it was imported before this module.
    uuid._generate_time_safe = uuid._UuidCreate = None
    uuid.getnode = lambda: int.from_bytes(urandom(6), "big") | (1 << 40)
    ssl = sys.modules.get("_ssl")
    if ssl is not None:
        ssl.RAND_bytes = urandom
    if "ssl" in sys.modules:
        sys.modules["ssl"].RAND_bytes = urandom
