# tries: every file of the relay and of the machine
# on: policy; rejected "Import of 'os' is not allowed"
# off: landlock, namespaces; held
import os  # refused


def taken(paths, how):
    found = {}
    for path in paths:
        try:
            found[path] = str(how(path))[:60]
        except OSError:
            continue
    if not found:
        raise PermissionError("none")
    return found


def read(path):
    held = os.open(path, os.O_RDONLY)
    try:
        return os.read(held, 100)
    finally:
        os.close(held)


def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def by_reading(ctx):
    paths = [ctx.params["data_dir"] + name for name in ("/relay.key", "/log.key", "/relay.db", "/relay.db-wal", "/local-token", "/canary")]
    paths += ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/root/.bashrc", "/root/.ssh/id_rsa", "/var/log/dpkg.log"]
    return taken(paths + ["/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/proc/kcore", "/proc/1/environ"], read)


def by_writing(ctx):
    places = ["/tmp", "/var/tmp", "/dev/shm", "/etc", "/usr/lib", "/root", "/home", "/run", ctx.params["data_dir"]]
    return taken([f"{place}/{ctx.params['mark']}" for place in places], write)


def by_library(ctx):
    return taken([os.__file__, os.path.dirname(os.__file__) + "/hostile.py"], write)


def by_kernel_settings(ctx):
    return taken(["/proc/self/oom_score_adj", "/proc/self/uid_map", "/sys/fs/cgroup/cgroup.procs", "/proc/sysrq-trigger"], write)


def by_memory(ctx):
    return taken([f"/proc/{pid}/mem" for pid in (ctx.params["pid"], os.getppid(), 1) if pid != os.getpid()], read)


def by_listing(ctx):
    places = ["/root", "/home", "/tmp", "/var", ctx.params["data_dir"], os.path.dirname(ctx.params["workspaces"])]
    return taken(places, lambda path: os.listdir(path)[0:1] or write(path + "/" + ctx.params["mark"]))


def by_unlinking(ctx):
    return taken([ctx.params["canary"], ctx.params["database"]], os.unlink)


def by_truncating(ctx):
    return taken([ctx.params["canary"], ctx.params["database"]], lambda path: os.truncate(path, 0))


def by_mode(ctx):
    return taken([ctx.params["canary"], ctx.params["data_dir"]], lambda path: os.chmod(path, 0o777))


ATTEMPTS = [
    by_reading,
    by_writing,
    by_library,
    by_kernel_settings,
    by_memory,
    by_listing,
    by_unlinking,
    by_truncating,
    by_mode,
]
