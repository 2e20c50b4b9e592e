import functools
import abc
from collections import namedtuple, defaultdict, OrderedDict
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import NamedTuple, Optional

_SECRET = 3

def _twice(f):
    @functools.wraps(f)
    def run(*args, **kwargs):
        return f(*args, **kwargs) * 2
    return run

class Suit(Enum):
    HEARTS = 'h'
    SPADES = 's'

    @property
    def colour(self):
        return 'red' if self is Suit.HEARTS else 'black'

class Level(IntEnum):
    LOW = auto()
    HIGH = auto()

@dataclass(order=True)
class Card:
    rank: int
    suit: str = 'h'
    tags: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.tags.append(self.suit)

class Point(NamedTuple):
    x: int
    y: int = 0

Pair = namedtuple('Pair', 'left right')

class Stack:
    __slots__ = ('_items', '__hidden')

    def __init__(self, *items):
        self._items = list(items)
        self.__hidden = len(items)

    def __len__(self): return len(self._items)
    def __iter__(self): return iter(self._items)
    def __getitem__(self, index): return self._items[index]
    def __setitem__(self, index, value): self._items[index] = value
    def __contains__(self, item): return item in self._items
    def __bool__(self): return True
    def __add__(self, other): return Stack(*self._items, *other)
    def __eq__(self, other): return list(self) == list(other)
    def __hash__(self): return 7
    def __str__(self): return f'Stack of {len(self)}'
    def __repr__(self): return f'Stack({self._items!r})'
    def __call__(self, n): return n + self.__hidden
    def __enter__(self): return self
    def __exit__(self, *error): self._items.append('closed'); return True
    def hidden(self):
        self.__hidden += 1
        return self.__hidden

class Shape(abc.ABC):
    count = 0

    def __init__(self, name):
        self._name = name
        Shape.count += 1

    @property
    def name(self):
        return self._name

    @name.setter
    def name(self, value):
        self._name = value.upper()

    @classmethod
    def make(cls, *args):
        return cls(*args)

    @staticmethod
    def unit():
        return 'cm'

    @abc.abstractmethod
    def area(self): ...

    def _describe(self):
        return f'{self.name} {self.area()}{self.unit()}'

class Square(Shape):
    def __init__(self, name, side):
        super().__init__(name)
        self.side = side

    def area(self):
        return self.side ** 2

    def _describe(self):
        return '<' + super()._describe() + '>'

class Tally(dict):
    def __missing__(self, key):
        return 0

class Oops(ValueError):
    def __init__(self, code):
        super().__init__(f'code {code}')
        self.code = code

class Bot:
    def on_init(self):
        out = []
        square = Square.make('sq', 3)
        square.name = 'big'
        out.append([square._describe(), Shape.count, Square.__name__, type(square).__name__, isinstance(square, Shape)])
        s = Stack(1, 2)
        s[0] = 5
        with s as entered:
            raise KeyError('swallowed')
        out.append([len(s), list(s), str(s), repr(s), s(1), 5 in s, s == [5, 2, 'closed'], list(s + [1]), s.hidden(), hash(s)])
        out.append([Suit('h').colour, Suit.SPADES.name, Level.HIGH > Level.LOW, [m.value for m in Suit]])
        out.append([Card(2) < Card(3), Card(4).tags, repr(Card(1))])
        out.append([Point(1)._replace(y=2)._asdict(), Pair(1, 2)._fields, Pair(1, 2).right])
        t = Tally()
        t['a'] += 1
        dd = defaultdict(list)
        dd['x'].append(1)
        out.append([t, dd, OrderedDict(a=1)])
        out.append([_SECRET, _twice(lambda: 4)(), self._helper()])
        try:
            raise Oops(4)
        except (KeyError, Oops) as error:
            out.append([str(error), error.code])
        else:
            out.append('no')
        finally:
            out.append('finally')
        self.ctx.post('bot', {'out': out})

    def _helper(self, maybe: Optional[int] = None) -> str:
        return 'none' if maybe is None else str(maybe)
