# tries: special methods that the interpreter calls to copy, delete and look up objects
# on: policy; rejected "__reduce__"
# off: landlock, seccomp, namespaces; held
import copy


class Reduced:
    def __reduce__(self):  # refused
        return eval, ("__import__('os')",)  # refused


class Deleted:
    def __del__(self):  # refused
        print("late")


class Looked:
    def __getattribute__(self, name):  # refused
        return name


def by_copy(ctx):
    return loot(copy.copy(Reduced()), ctx.params)


ATTEMPTS = [by_copy]
