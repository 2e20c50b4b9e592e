"""The keystream that a bot's randomness comes from: a function of the log, so that it can be replayed.

HMAC-SHA256 of a key over 0, 1, 2, ... as 8 bytes, big-endian. The relay says which key and how far the
bot has come; `ctx.start()` and `ctx.reveal()` go on to another key.
"""

import hmac
import os
import random
import sys
import uuid

_BLOCK = 32

# A replay looks for these words.
UNKNOWN_SEED = "the seed to draw from is not known here"


class Stream:
    """The stream of one hook; `drawn` tells what was taken, a stretch for each key."""

    def __init__(self, told):
        self._told = told
        self.epoch = told["epoch"]
        self.contributors = told["open"]
        self.drawn = []
        self._use(told["key"], told["position"])

    @property
    def is_open(self):
        return self.contributors is not None

    def start(self):
        """Opens the stream; False when it is open."""
        if self.is_open:
            return False
        self._close_stretch()
        self.contributors = self._told["seated"]
        self._use(self._told["start_key" if self.epoch == self._told["epoch"] else "next_start_key"], 0)
        return True

    def reveal(self):
        if self.epoch != self._told["epoch"]:
            raise RuntimeError("a hook can reveal one seed")
        if self._told["last"]:
            raise RuntimeError("the bot has revealed all of its seeds; attach it anew")
        self._close_stretch()
        self.epoch += 1
        self.contributors = None
        self._use(self._told["next_key"], 0)

    def take(self, count):
        """The next `count` bytes."""
        first, offset = divmod(self._position, _BLOCK)
        last = (self._position + count + _BLOCK - 1) // _BLOCK
        if last - first == 1:
            found = self._block(first)
        else:
            found = b"".join(map(self._block, range(first, last)))
        self._position += count
        return found[offset : offset + count]

    def close(self):
        self._close_stretch()
        return self.drawn

    def _use(self, key, position):
        # A replay may lack the key that nothing was drawn from.
        self._key = None if key is None else bytes.fromhex(key)
        self._from = self._position = position
        self._cached = None, b""

    def _block(self, number):
        if self._key is None:
            raise RuntimeError(UNKNOWN_SEED)
        known, block = self._cached
        if known != number:
            block = hmac.digest(self._key, number.to_bytes(8, "big"), "sha256")
            self._cached = number, block
        return block

    def _close_stretch(self):
        if self._position > self._from:
            stretch = {"epoch": self.epoch, "open": self.is_open, "from": self._from, "to": self._position}
            self.drawn.append(stretch)
            self._from = self._position


class _Source:
    """Whichever stream is now in force; outside of hooks, a fixed one."""

    def __init__(self):
        self.stream = None

    def take(self, count):
        if count < 0:
            raise ValueError("negative argument not allowed")
        if self.stream is None:
            raise RuntimeError("randomness is drawn in a hook, not where the source is loaded")
        return self.stream.take(count)


_source = _Source()


def use(stream):
    """From here on everything random comes from this stream."""
    _source.stream = stream


def urandom(size):
    """Bytes from the bot's keystream."""
    return _source.take(size)


class KeystreamRandom(random.Random):
    """`random.Random` over the keystream; seeding it changes nothing."""

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
        raise NotImplementedError("the keystream's position is kept by the relay")

    setstate = getstate


class SeededRandom(random.Random):
    """`random.Random` of a bot: by itself from a seed, and without one from a seed of the keystream."""

    def __init__(self, x=None):
        super().__init__(_source.take(32) if x is None else x)

    def seed(self, a=None, version=2):
        super().seed(_source.take(32) if a is None else a, version)


def install():
    """Makes everything random in this process draw from the keystream. Libraries imported later see it, too."""
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
    # A MAC address and a clock sequence are the machine's; these are the log's.
    uuid._generate_time_safe = uuid._UuidCreate = None
    uuid.getnode = lambda: int.from_bytes(urandom(6), "big") | (1 << 40)
    ssl = sys.modules.get("_ssl")
    if ssl is not None:
        ssl.RAND_bytes = urandom
    if "ssl" in sys.modules:
        sys.modules["ssl"].RAND_bytes = urandom
