# tries: frames through everything that looks an attribute up by its name
# on: guards; held
# off: landlock, seccomp, namespaces; held
import functools
import operator
import sys


def trace():
    try:
        1 / 0
    except ZeroDivisionError:
        return sys.exc_info()[2]


def climb(frame, ctx):
    while frame is not None:
        found = getattr(frame, "f_" + "globals")
        if "os" in found:
            return loot(found["os"], ctx.params)
        frame = getattr(frame, "f_" + "back")
    raise LookupError("no os")


def by_getattr(ctx):
    return climb(getattr(trace(), "tb_" + "frame"), ctx)


def by_attrgetter(ctx):
    return climb(operator.attrgetter("tb_frame")(trace()), ctx)


def by_reduce(ctx):
    return climb(functools.reduce(getattr, ["tb_next", "tb_frame"], trace()), ctx)


def by_methodcaller(ctx):
    return climb(operator.methodcaller("__getattribute__", "tb_frame")(trace()), ctx)


def by_format(ctx):
    found = "{0.tb_frame.f_globals}".format(trace())
    REACHED.append("format")
    raise LookupError(found[:0] + "text only")


def by_exception(ctx):
    try:
        1 / 0
    except ZeroDivisionError as error:
        return climb(getattr(getattr(error, "__traceback__"), "tb_frame"), ctx)


def by_with_traceback(ctx):
    class Keeper:
        def __enter__(self):
            return self

        def __exit__(self, kind, error, found):
            self.found = found
            return True

    with Keeper() as keeper:
        1 / 0
    return climb(getattr(keeper.found, "tb_frame"), ctx)


ATTEMPTS = [by_getattr, by_attrgetter, by_reduce, by_methodcaller, by_format, by_exception, by_with_traceback]
