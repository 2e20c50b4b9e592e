# tries: every system call that Python offers, one by one
# on: policy; rejected "Import of 'os' is not allowed"
# off: seccomp; held
import os  # refused
import select  # refused
import signal  # refused
import socket
import time


def call(place, name, *arguments):
    def attempt(ctx):
        given = [ctx.params[value[1:]] if isinstance(value, str) and value.startswith("$") else value for value in arguments]
        return asked(getattr(place, name), *given)

    attempt.__name__ = name + "".join(f" {value}" for value in arguments)
    return attempt


ATTEMPTS = [
    call(os, "fork"),
    call(os, "forkpty"),
    call(os, "openpty"),
    call(os, "execv", "/bin/sleep", ["sleep", "0"]),
    call(os, "posix_spawn", "/bin/sleep", ["sleep", "0"], {}),
    call(os, "kill", "$pid", 0),
    call(os, "kill", 1, 0),
    call(os, "killpg", "$pid", 0),
    call(os, "pidfd_open", "$pid"),
    call(os, "memfd_create", "x"),
    call(os, "eventfd", 0),
    call(os, "mkfifo", "fifo"),
    call(os, "mknod", "null", 0o20666, os.makedev(1, 3)),
    call(os, "symlink", "$canary", "link"),
    call(os, "link", "$canary", "link"),
    call(os, "chroot", "."),
    call(os, "setuid", 0),
    call(os, "seteuid", 65534),
    call(os, "setgid", 0),
    call(os, "setgroups", []),
    call(os, "setsid"),
    call(os, "setpriority", os.PRIO_PROCESS, "$pid", 10),
    call(os, "nice", -5),
    call(os, "sched_setaffinity", "$pid", [0]),
    call(os, "sched_setscheduler", 0, os.SCHED_FIFO, os.sched_param(1)),
    call(os, "setxattr", ".", "user.hostile", b"x"),
    call(os, "chown", ".", 0, 0),
    call(os, "truncate", "$canary", 0),
    call(os, "unlink", "$canary"),
    call(os, "rename", "$canary", "canary"),
    call(os, "statvfs", "$data_dir"),
    call(os, "getpriority", os.PRIO_PROCESS, "$pid"),
    call(os, "wait"),
    call(os, "copy_file_range", 0, 1, 10),
    call(os, "sendfile", 1, 0, 0, 10),
    call(os, "splice", 0, 1, 10),
    call(select, "epoll"),
    call(signal, "pidfd_send_signal", 0, 0),
    call(signal, "setitimer", signal.ITIMER_REAL, 1000),
    call(signal, "raise_signal", signal.SIGCONT),
    call(socket, "sethostname", "hostile"),
    call(time, "clock_settime", time.CLOCK_REALTIME, 0.0),
]
