

# What programs need that are no longer held to the policy.

import errno
import json
import os
import platform
import struct
import sys

# System calls by their numbers: x86-64 and arm64.
NUMBERS = {
    "openat": (257, 56), "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97),
    "setns": (308, 268), "bpf": (321, 280), "io_uring_setup": (425, 425), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "memfd_create": (319, 279), "userfaultfd": (323, 282),
    "perf_event_open": (298, 241), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "kill": (62, 129),
    "tgkill": (234, 131), "chroot": (161, 51), "pivot_root": (155, 41), "init_module": (175, 105),
    "finit_module": (313, 273), "kexec_load": (246, 104), "swapon": (167, 224), "acct": (163, 89),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "fork": (57, None),
    "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435), "setuid": (105, 146), "setgid": (106, 144),
    "setgroups": (116, 159), "sethostname": (170, 161), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "quotactl": (179, 60), "personality": (135, 92), "syslog": (103, 116), "mknodat": (259, 33),
    "symlinkat": (266, 36), "linkat": (265, 37), "open_tree": (428, 428), "fsopen": (430, 430),
    "move_mount": (429, 429), "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "kcmp": (312, 272),
    "lookup_dcookie": (212, 18), "vhangup": (153, 58), "ioperm": (173, None), "iopl": (172, None),
    "modify_ldt": (154, None), "reboot": (169, 142), "seccomp": (317, 277), "capset": (126, 91),
    "sched_setscheduler": (144, 119), "setpriority": (141, 140), "prlimit64": (302, 261),
}


# How a wall says no: to a call that it knows, or as if there were no such call.
FORBIDDEN = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS)


def number_of(name):
    number = NUMBERS[name][{"x86_64": 0, "aarch64": 1}[platform.machine()]]
    if number is None:
        raise PermissionError(f"{name} does not exist here")
    return number


def syscall(name, *arguments):
    """Calls the kernel, out of native code; raises unless the call got past every filter."""
    import ctypes

    def given(value):
        if isinstance(value, (str, bytes)):
            return ctypes.create_string_buffer(value if isinstance(value, bytes) else value.encode(), 4096)
        return ctypes.c_long(value or 0)

    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number_of(name)), *map(given, arguments))
    if result == -1:
        code = ctypes.get_errno()
        if code in FORBIDDEN:
            raise OSError(code, os.strerror(code), name)
        return f"{name} reached the kernel: {errno.errorcode.get(code, code)}"
    return f"{name} returned {result}"


def asked(function, *arguments):
    """Calls the kernel through Python; raises unless the call got past every filter."""
    try:
        return f"{function.__name__} returned {function(*arguments)}"
    except OSError as error:
        # Where there is no path, or no socket but the runtime's, nothing was asked.
        if error.errno in (*FORBIDDEN, errno.ENOENT, None):
            raise
        return f"{function.__name__} reached the kernel: {error}"


def worker():
    """The runtime's own object that answers the relay."""
    frame = sys._getframe()
    while frame is not None:
        found = frame.f_locals.get("self")
        if hasattr(found, "_hook_id"):
            return found
        frame = frame.f_back
    raise LookupError("no worker on the stack")


def relay_descriptor():
    """The descriptor of the socket to the relay."""
    for number in range(3, 256):
        try:
            if (os.fstat(number).st_mode & 0o170000) == 0o140000:
                return number
        except OSError:
            pass
    raise LookupError("no socket")


def send(content):
    """Writes a frame to the relay, past the runtime."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    data = struct.pack(">I", len(data)) + data
    while data:
        data = data[os.write(relay_descriptor(), data) :]


def done(**changed):
    """The reply of a hook that did nothing but this."""
    reply = {"effects": [], "state": None, "kept": None, "drawn": [], "log": []} | changed
    return {"id": worker()._hook_id, "reply": {"done": reply}}


def vanish():
    """Ends the process without a word."""
    os._exit(0)
