# tries: to load machine code: libraries of the system, and one of its own
# on: policy; rejected "Import of 'ctypes' is not allowed"
# off: seccomp; held


def by_ctypes(ctx):
    import ctypes  # refused

    return ctypes.CDLL(None)


def by_mmap(ctx):
    import mmap  # refused

    return mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def by_own_library(ctx):
    import importlib.machinery  # refused
    import os  # refused
    import shutil

    path = ctx.workspace + "/own.so"
    directory = os.path.dirname(os.__file__) + "/lib-dynload"
    shutil.copy(directory + "/" + next(name for name in os.listdir(directory) if name.startswith("_ctypes.")), path)
    loader = importlib.machinery.ExtensionFileLoader("own", path)
    return loader.create_module(importlib.machinery.ModuleSpec("own", loader, origin=path))


ATTEMPTS = [by_ctypes, by_mmap, by_own_library]
