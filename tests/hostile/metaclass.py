# tries: a metaclass, which controls how its classes are created
# on: policy; rejected "invalid variable name"
# off: landlock, seccomp, namespaces; held
import sys


class Meta(type):
    def __prepare__(name, bases):  # refused
        return {"found": sys.modules["os"]}


class Made(metaclass=Meta):  # refused
    pass


def by_class(ctx):
    return loot(Made.found, ctx.params)


ATTEMPTS = [by_class]
