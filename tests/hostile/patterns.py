# tries: private names and frames in match patterns, which contain no attribute access
# on: policy; rejected "private name"
# off: landlock, seccomp, namespaces; held
import collections


def by_class_pattern(ctx):
    match ctx:
        case object(__class__=kind):  # refused
            pass
    match by_class_pattern:
        case object(__globals__=found):  # refused
            return loot(found["collections"]._sys.modules["os"], ctx.params)


def by_value_pattern(ctx):
    match 1:
        case collections._sys:  # refused
            return 1
    raise LookupError("no match")


ATTEMPTS = [by_class_pattern, by_value_pattern]
