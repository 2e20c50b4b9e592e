# tries: the runtime's private objects behind ctx, through attribute names made at run time, copies and descriptors
# on: guards; held
# off: process; held
import copy
import dataclasses
import operator


def own(found):
    """Checks what was found. The policy keeps this out of reach; without it, a bot finds its own facts only."""
    REACHED.append("ctx")
    raise LookupError(str(found)[:20])


def by_getattr(ctx):
    return own(getattr(ctx, "_eff" + "ects"))


def by_facts(ctx):
    return own(operator.attrgetter("_facts")(ctx))


def by_slot(ctx):
    return own(getattr(type(ctx), "_facts"))


def by_copy(ctx):
    return own(getattr(copy.deepcopy(ctx), "_effects"))


def by_bound_method(ctx):
    return own(getattr(ctx.post, "__self__"))


def by_function(ctx):
    return own(getattr(ctx.post, "__func__"))


def by_property(ctx):
    return own(getattr(type(ctx).params.fget, "__globals__"))


def by_dataclass(ctx):
    # A generated method reads the attributes that it was made for, from any object.
    for name in ("_facts", "_effects"):
        text = dataclasses.make_dataclass("Made", [name]).__repr__(ctx)
        if "start_key" in text:
            own(text)
    raise LookupError("no key")


def by_foreign_slot(ctx):
    ctx.dm("s2", "bot", "to nobody")


def by_state_that_is_none(ctx):
    ctx.set_state([])


ATTEMPTS = [
    by_getattr,
    by_facts,
    by_slot,
    by_copy,
    by_bound_method,
    by_function,
    by_property,
    by_dataclass,
    by_foreign_slot,
    by_state_that_is_none,
]
