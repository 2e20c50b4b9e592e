# tries: system calls that no bot needs, out of native code
# on: policy; rejected "Import of 'ctypes' is not allowed"
# off: seccomp; held
NOTHING = b""


def by_loading(ctx):
    import ctypes  # refused

    return ctypes.CDLL(None)


def by_network(ctx):
    return [syscall("socket", family, kind, 0) for family in (1, 2, 10, 16, 17, 38, 40) for kind in (1, 2, 3, 5)]


def refused(name, *arguments):
    def attempt(ctx):
        return syscall(name, *arguments)

    attempt.__name__ = name
    return attempt


def by_running_a_program(ctx):
    return syscall("execve", b"/bin/sleep", None, None)


def by_running_a_descriptor(ctx):
    return syscall("execveat", -1, NOTHING, None, None, 0x1000)


def by_tracing(ctx):
    return syscall("ptrace", 16, ctx.params["pid"], None, None)


def by_reading_memory(ctx):
    return syscall("process_vm_readv", ctx.params["pid"], NOTHING, 1, NOTHING, 1, 0)


def by_writing_memory(ctx):
    return syscall("process_vm_writev", ctx.params["pid"], NOTHING, 1, NOTHING, 1, 0)


def by_process_descriptor(ctx):
    return syscall("pidfd_open", ctx.params["pid"], 0)


def by_signal(ctx):
    return syscall("kill", ctx.params["pid"], 0)


ATTEMPTS = [
    by_loading,
    by_network,
    by_running_a_program,
    by_running_a_descriptor,
    by_tracing,
    by_reading_memory,
    by_writing_memory,
    by_process_descriptor,
    by_signal,
    refused("mount", NOTHING, NOTHING, NOTHING, 0, None),
    refused("umount2", NOTHING, 0),
    refused("open_tree", -100, NOTHING, 1),
    refused("fsopen", NOTHING, 0),
    refused("move_mount", -1, NOTHING, -1, NOTHING, 0),
    refused("unshare", 0x10000000),
    refused("unshare", 0x00020000),
    refused("setns", -1, 0),
    refused("chroot", NOTHING),
    refused("pivot_root", NOTHING, NOTHING),
    refused("bpf", 0, NOTHING, 128),
    refused("io_uring_setup", 1, NOTHING),
    refused("keyctl", 0, -3, 0, 0, 0),
    refused("add_key", NOTHING, NOTHING, NOTHING, 1, -3),
    refused("request_key", NOTHING, NOTHING, None, -3),
    refused("memfd_create", NOTHING, 0),
    refused("userfaultfd", 0),
    refused("perf_event_open", NOTHING, 0, -1, -1, 0),
    refused("pidfd_send_signal", -1, 0, None, 0),
    refused("pidfd_getfd", -1, 0, 0),
    refused("process_madvise", -1, NOTHING, 1, 4, 0),
    refused("kcmp", 1, 1, 0, 0, 0),
    refused("init_module", NOTHING, 10, NOTHING),
    refused("finit_module", -1, NOTHING, 0),
    refused("kexec_load", 0, 0, None, 0),
    refused("swapon", NOTHING, 0),
    refused("acct", NOTHING),
    refused("quotactl", 0, NOTHING, 0, None),
    refused("open_by_handle_at", -100, NOTHING, 0),
    refused("name_to_handle_at", -100, NOTHING, NOTHING, NOTHING, 0),
    refused("fanotify_init", 0, 0),
    refused("shmget", 0, 4096, 0o1600),
    refused("msgget", 0, 0o1600),
    refused("semget", 0, 1, 0o1600),
    refused("mq_open", NOTHING, 0, 0, None),
    refused("fork"),
    refused("setuid", 0),
    refused("setgid", 0),
    refused("setgroups", 0, None),
    refused("capset", NOTHING, NOTHING),
    refused("sethostname", NOTHING, 1),
    refused("settimeofday", NOTHING, None),
    refused("clock_settime", 0, NOTHING),
    refused("personality", 0x0040000),
    refused("syslog", 10, None, 0),
    refused("mknodat", -100, NOTHING, 0o20600, 0x101),
    refused("vhangup"),
    refused("ioperm", 0, 1, 1),
    refused("iopl", 3),
    refused("modify_ldt", 0, NOTHING, 16),
    refused("sched_setscheduler", 0, 1, NOTHING),
    refused("reboot", 0, 0, 0, None),
]
