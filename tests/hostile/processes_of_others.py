# tries: to inspect, signal and trace other processes
# on: policy; rejected "Import of 'os' is not allowed"
# off: seccomp, namespaces; held
import os  # refused


def signalled(pid):
    os.kill(pid, 0)
    return pid


def by_relay(ctx):
    return signalled(ctx.params["pid"])


def by_all(ctx):
    os.kill(-1, 0)
    return "all"


def by_neighbours(ctx):
    found = []
    for pid in range(2, 400):
        if pid == os.getpid():
            continue
        try:
            found.append(signalled(pid))
        except OSError:
            continue
    if not found:
        raise LookupError("nobody else")
    return found


def by_listing(ctx):
    found = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    if not found:
        raise LookupError("nobody else")
    return [os.readlink(f"/proc/{name}/exe") for name in found]


def by_priority(ctx):
    os.setpriority(os.PRIO_PROCESS, ctx.params["pid"], 19)
    return "slowed"


def by_limits(ctx):
    import resource  # refused

    resource.prlimit(ctx.params["pid"], resource.RLIMIT_NOFILE, (10, 10))
    return "limited"


def by_descriptor(ctx):
    return os.pidfd_open(ctx.params["pid"])


def by_raising_a_limit(ctx):
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40))
    return "raised"


ATTEMPTS = [
    by_relay,
    by_all,
    by_neighbours,
    by_listing,
    by_priority,
    by_limits,
    by_descriptor,
    by_raising_a_limit,
]
