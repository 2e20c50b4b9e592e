# tries: imports that are only checked at run time, because they are in a `try`
# on: facades; held
# off: landlock, seccomp, namespaces; held


def by_name(ctx):
    try:
        import os
    except KeyError:
        pass
    return loot(os, ctx.params)


def by_submodule(ctx):
    try:
        import os.path
    except KeyError:
        pass
    return loot(os, ctx.params)


def by_posix(ctx):
    try:
        import posix
    except KeyError:
        pass
    return loot(posix, ctx.params | {"data_dir": ctx.params["data_dir"]})


def by_attribute(ctx):
    from collections import _sys

    return loot(_sys.modules["os"], ctx.params)


def by_import_of_a_module(ctx):
    from traceback import linecache

    return loot(linecache.os, ctx.params)


def by_path_of_a_package(ctx):
    import email.utils

    return loot(email.utils.os, ctx.params)


def by_runtime(ctx):
    try:
        from multiplayer import worker
    except KeyError:
        pass
    return loot(worker.os, ctx.params)


ATTEMPTS = [
    by_name,
    by_submodule,
    by_posix,
    by_attribute,
    by_import_of_a_module,
    by_path_of_a_package,
    by_runtime,
]
