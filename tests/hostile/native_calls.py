# tries: system calls that no bot needs, from an interpreter that it has taken over
# on: policy; rejected "Import of 'errno' is not allowed"
# off: seccomp; stopped
import errno  # refused
import platform  # refused

# Names and numbers of the calls, on x86-64 and on arm64.
NUMBERS = {
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "mount": (165, 40), "umount2": (166, 39),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "unshare": (272, 97), "setns": (308, 268),
    "chroot": (161, 51), "pivot_root": (155, 41), "bpf": (321, 280), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "userfaultfd": (323, 282), "perf_event_open": (298, 241),
    "finit_module": (313, 273), "swapon": (167, 224), "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "inotify_init1": (294, 26), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "setuid": (105, 146), "setgid": (106, 144), "setgroups": (116, 159), "capset": (126, 91), "personality": (135, 92),
    "mknodat": (259, 33), "symlinkat": (266, 36), "linkat": (265, 37), "fchmodat": (268, 53), "fchownat": (260, 54),
    "setxattr": (188, 5), "utimensat": (280, 88), "fcntl": (72, 25), "ioctl": (16, 29), "clock_adjtime": (305, 266),
    "setpriority": (141, 140), "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122), "setsid": (112, 157),
    "timer_create": (222, 107), "timerfd_create": (283, 85), "eventfd2": (290, 19), "signalfd4": (289, 74),
    "epoll_create1": (291, 20), "pipe2": (293, 59), "splice": (275, 76), "tee": (276, 77), "vmsplice": (278, 75),
    "sendmsg": (46, 211), "sendmmsg": (307, 269), "recvmsg": (47, 212), "prctl": (157, 167), "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444), "membarrier": (324, 283), "rseq": (334, 293), "mlockall": (151, 230),
    "remap_file_pages": (216, 234), "pkey_mprotect": (329, 288), "cachestat": (451, 451), "mseal": (462, 462),
    "modify_ldt": (154, None), "iopl": (172, None), "arch_prctl": (158, None), "x32 socket": (0x40000029, None),
}


class Bot:
    def on_message(self, msg):
        seized = Seized()
        escaped, refused = {}, {}
        for name, numbers in NUMBERS.items():
            number = numbers[{"x86_64": 0, "aarch64": 1}[platform.machine()]]
            if number is None:
                continue
            result, error = seized.syscall(number)
            outcome = f"{result}, {errno.errorcode.get(error, error)}"
            (refused if result == -1 and error in FORBIDDEN else escaped)[name] = outcome
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": refused, "reached": []})
