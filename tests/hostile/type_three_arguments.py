# tries: a class made by `type` itself, whose methods have any name
# on: guards; held
# off: process; held
import copy
import functools


class Got(Exception):
    pass


def spy():
    got = {}
    made = type("Spy", (), {"__setattr__": lambda self, name, value: got.update({name: value})})
    return made(), got


def by_copying_attributes(ctx):
    taker, got = spy()
    functools.update_wrapper(taker, ctx, assigned=["_facts"], updated=[])
    REACHED.append(str(got["_facts"]))
    raise Got("its own")


def by_copying_globals(ctx):
    taker, got = spy()
    functools.update_wrapper(taker, ctx.post, assigned=["__func__"], updated=[])
    functools.update_wrapper(taker, got["__func__"], assigned=["__globals__"], updated=[])
    return loot(got["__globals__"]["json"].codecs.sys.modules["os"], ctx.params)


def by_wraps(ctx):
    taker, got = spy()
    functools.wraps(ctx.post, assigned=["__func__"], updated=[])(taker)
    REACHED.append(str(got["__func__"]))
    raise Got("its own")


def by_reduction(ctx):
    made = type("Reduced", (), {"__reduce_ex__": lambda self, protocol: (print, ("called",))})
    return loot(copy.copy(made()).modules, ctx.params)


def by_module_name(ctx):
    made = type("Named", (), {"__module__": "sys"})
    return loot(made.modules, ctx.params)


ATTEMPTS = [by_copying_attributes, by_copying_globals, by_wraps, by_reduction, by_module_name]
