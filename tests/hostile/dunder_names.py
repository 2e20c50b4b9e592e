# tries: built-ins that a bot does not have, by the interpreter's own names
# on: policy; rejected "__import__"
# off: landlock, seccomp, namespaces; held


def by_import(ctx):
    return loot(__import__("os"), ctx.params)  # refused


def by_builtins(ctx):
    return loot(__builtins__["__import__"]("os"), ctx.params)  # refused


def by_loader(ctx):
    return loot(__loader__.load_module("os"), ctx.params)  # refused


ATTEMPTS = [by_import, by_builtins, by_loader]
