# tries: code that did not exist when the source was checked
# on: policy; rejected "Eval calls are not allowed"
# off: landlock, seccomp, namespaces; held


def by_eval(ctx):
    return loot(eval("__import__('os')"), ctx.params)  # refused


def by_exec(ctx):
    found = {}
    exec("import os", found)  # refused
    return loot(found["os"], ctx.params)


def by_compile(ctx):
    return loot(eval(compile("__import__('os')", "", "eval")), ctx.params)


def by_open(ctx):
    return open(ctx.params["key"], "rb").read()


ATTEMPTS = [by_eval, by_exec, by_compile, by_open]
