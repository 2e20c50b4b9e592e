# tries: the contents of the real `sys`
# on: facades; held
# off: landlock, seccomp, namespaces; held
import sys


def by_modules(ctx):
    return loot(sys.modules["os"], ctx.params)


def by_path(ctx):
    sys.path.insert(0, ctx.workspace)
    sys.path_importer_cache.clear()
    REACHED.append("path")
    raise LookupError("its own path")


def by_trace(ctx):
    sys.settrace(lambda frame, event, argument: REACHED.append("trace"))
    by_harmless()
    sys.settrace(None)
    raise LookupError("its own frames")


def by_harmless():
    return 1


def by_display(ctx):
    return loot(getattr(sys, "__std" + "out__").buffer.raw.fileno(), ctx.params)


def by_output(ctx):
    raw = sys.stdout.buffer.raw
    return loot(type(raw)(ctx.params["key"]).read(), ctx.params)


ATTEMPTS = [by_modules, by_path, by_trace, by_display, by_output]
