# tries: the relay's files by system calls of its own, past Python and its hooks
# on: policy; rejected "Import of 'ctypes' is not allowed"
# off: landlock, namespaces; held


def opened(path, flags=0):
    import ctypes  # refused

    told = syscall("openat", -100, path, flags, 0o600)
    if told.endswith(("ENOENT", "ENOTDIR", "ENXIO", "ENODEV")):
        raise FileNotFoundError(path)
    return told


def by_reading(ctx):
    return opened(ctx.params["canary"])


def by_database(ctx):
    return opened(ctx.params["database"], 2)


def by_path_only(ctx):
    # O_PATH gives no contents; it may name a directory to go on from.
    held = opened(ctx.params["data_dir"], 0o10000000)
    number = int(held.rpartition(" ")[2])
    return syscall("openat", number, b"canary", 0, 0)


def by_nameless_file(ctx):
    return opened("/tmp", 0o20200000 | 2)


def by_writing(ctx):
    return opened("/tmp/" + ctx.params["mark"], 0o102)


def by_devices(ctx):
    return [opened(path, 2) for path in ("/dev/kmsg", "/dev/mem", "/dev/vda", "/dev/fuse", "/dev/kvm")][0]


def by_mark_of_a_link(ctx):
    syscall("symlinkat", ctx.params["canary"], -100, "native-link")
    return opened("native-link")


ATTEMPTS = [by_reading, by_database, by_path_only, by_nameless_file, by_writing, by_devices, by_mark_of_a_link]
