"""Object ids that are numbered in the order of first use, instead of being addresses.

Addresses differ from run to run, so `id`, the default `hash` and the default `repr` would give results that a
replay cannot reproduce.
"""

_numbers = {}


def reset():
    """Restarts the numbering for a new hook."""
    _numbers.clear()


def number(value):
    """The bot's `id` function."""
    # The entry keeps the object alive, so that no other object can get the same address.
    found = _numbers.get(id(value))
    if found is None:
        found = _numbers[id(value)] = len(_numbers) + 1, value
    return found[0]


class Numbered:
    """The base of all classes of a bot that name no base themselves."""

    __slots__ = ()
    __hash__ = number

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__qualname__} object {number(self)}>"


def build_class(build, function, name, *bases, **keywords):
    """`__build_class__` with `Numbered` as the default base."""
    return build(function, name, *(bases or (Numbered,)), **keywords)
