"""Numbers for objects in the order in which a bot asks for them, in place of addresses.

Addresses differ between two runs of the same hook: `id`, the default `hash` and the default `repr`
would give results that no replay gets again.
"""

_numbers = {}


def forget():
    """Begins anew, for another hook."""
    _numbers.clear()


def number(value):
    """`id` as a bot has it."""
    # The object is kept, so that no other gets its address meanwhile.
    found = _numbers.get(id(value))
    if found is None:
        found = _numbers[id(value)] = len(_numbers) + 1, value
    return found[0]


class Numbered:
    """What a bot's classes that name no base are derived from."""

    __slots__ = ()
    __hash__ = number

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__qualname__} object {number(self)}>"


def build_class(build, function, name, *bases, **keywords):
    """`__build_class__`, whose classes hash and show themselves by number unless they say otherwise."""
    return build(function, name, *(bases or (Numbered,)), **keywords)
