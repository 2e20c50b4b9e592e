# tries: code smuggled into the source that dataclasses and named tuples generate and run
# on: python, facades; held
# off: landlock, seccomp, namespaces; held
import collections
import dataclasses
import enum
import typing


class Name(str):
    def isidentifier(self):
        return True

    def __str__(self):
        return self


EVIL = Name("x, *, y=1 / 0")


def run(make):
    try:
        make()
    except ZeroDivisionError:
        REACHED.append("run")
    raise LookupError("nothing but its own")


def by_plain_name(ctx):
    dataclasses.make_dataclass("Made", ["x=__import__('os'), y"])
    REACHED.append("exec")
    raise LookupError("nothing but its own")


def by_own_kind_of_text(ctx):
    return run(lambda: dataclasses.make_dataclass("Made", [(EVIL, int)]))


def by_annotations(ctx):
    return run(lambda: dataclasses.dataclass(type("Made", (), {"__annotations__": {EVIL: int}})))


def by_fields_of_a_base(ctx):
    field = dataclasses.field()
    field.name = EVIL
    base = type("Base", (), {"__dataclass_fields__": {"x": field}})
    return run(lambda: dataclasses.dataclass(type("Made", (base,), {})))


def by_namedtuple(ctx):
    collections.namedtuple("Made", [Name("x=__import__('os')")])
    REACHED.append("named tuple")
    raise LookupError("nothing but its own")


def by_namedtuple_name(ctx):
    collections.namedtuple(Name("Made): pass"), ["x"])
    REACHED.append("named tuple")
    raise LookupError("nothing but its own")


def by_typing(ctx):
    typing.NamedTuple("Made", [(Name("x=1"), int)])
    REACHED.append("named tuple")
    raise LookupError("nothing but its own")


def by_enumeration(ctx):
    enum.Enum("Made", {"loads": 1}, module="json")
    enum.global_enum(enum.Enum("Made", {"hostile_name": 1}, module="json"))
    REACHED.append("json")
    import json

    raise LookupError("nothing but its own")


ATTEMPTS = [
    by_plain_name,
    by_own_kind_of_text,
    by_annotations,
    by_fields_of_a_base,
    by_namedtuple,
    by_namedtuple_name,
    by_typing,
    by_enumeration,
]
