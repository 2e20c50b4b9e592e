# tries: all names of a module, private ones included, and a relative import of the runtime
# on: policy; rejected "Import of 'os' is not allowed"
# off: landlock, seccomp, namespaces; held
from os import *  # refused


def by_star(ctx):
    descriptor = open(ctx.params["key"], 0)  # refused
    return read(descriptor, 100)


ATTEMPTS = [by_star]
