# tries: annotations written as text, which libraries evaluate later without the policy
# on: facades; held
# off: landlock, seccomp, namespaces; held
import dataclasses
import functools
import typing

EVIL = "__import__('os')"


def registered(show, evil):
    try:
        show.register(evil)
    except ZeroDivisionError:
        REACHED.append("evaluated")
    raise LookupError("nothing but its own")


def by_get_type_hints(ctx):
    def function(x: "__import__('os')"):
        pass

    return loot(typing.get_type_hints(function)["x"], ctx.params)


def by_forward_reference(ctx):
    return loot(typing.ForwardRef(EVIL)._evaluate({}, {}, frozenset()), ctx.params)


def by_class_of_a_reference(ctx):
    reference = typing.get_args(typing.Optional[EVIL])[0]
    return loot(getattr(reference, "_evaluate")({}, {}, frozenset()), ctx.params)


def by_dispatch(ctx):
    @functools.singledispatch
    def show(x):
        return x

    def evil(x: "1 / 0"):
        pass

    return registered(show, evil)


def by_dispatch_of_an_instance(ctx):
    @functools.singledispatch
    def show(x):
        return x

    return registered(show, dataclasses.make_dataclass("Made", [("x", "1 / 0")])(1))


def by_dispatched_method(ctx):
    @functools.singledispatchmethod
    def show(self, x):
        return x

    def evil(x: "1 / 0"):
        pass

    return registered(show.dispatcher, evil)


ATTEMPTS = [
    by_get_type_hints,
    by_forward_reference,
    by_class_of_a_reference,
    by_dispatch,
    by_dispatch_of_an_instance,
    by_dispatched_method,
]
