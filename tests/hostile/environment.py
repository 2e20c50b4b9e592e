# tries: the relay's environment variables
# on: policy; rejected "Import of 'os' is not allowed"
# off: process, landlock, namespaces; held
import os  # refused


def by_os(ctx):
    found = {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}
    if not found:
        raise LookupError("empty")
    return found


def by_process(ctx):
    with open("/proc/self/environ", "rb") as file:  # refused
        found = file.read()
    if not found:
        raise LookupError("empty")
    return found


def by_parent(ctx):
    with open(f"/proc/{os.getppid()}/environ", "rb") as file:  # refused
        return file.read()


def by_relay(ctx):
    with open(f"/proc/{ctx.params['pid']}/environ", "rb") as file:  # refused
        return file.read()


def by_all(ctx):
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                return file.read()[:100]
        except OSError:
            continue
    raise LookupError("none")


ATTEMPTS = [by_os, by_process, by_parent, by_relay, by_all]
