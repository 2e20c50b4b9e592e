"""Refusals below the policy: an audit hook, which nothing in the process can remove.

It gives clean errors for what a bot may not do to the world, whichever library it goes through.
Against code that has broken out of the interpreter it is no protection.
"""

import os
import sys

NO_NETWORK = "a bot's connections are made by the relay"

_NETWORK = frozenset(
    "socket." + name
    for name in """
    connect bind sendto sendmsg getaddrinfo gethostbyname gethostbyaddr getnameinfo getservbyname getservbyport
    gethostname sethostname
    """.split()
)
_PROCESS = ("os.", "subprocess.", "ctypes.", "pty.", "shutil.", "signal.", "fcntl.", "mmap.", "resource.", "syslog.")
_READ_ONLY = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk"})
_SYSTEM_FILES = ("/usr/share/zoneinfo", "/etc/ssl", "/etc/pki", "/etc/mime.types", "/dev/null", "/dev/urandom")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def isolate(workspace):
    """From here on the process reads the Python library and the workspace, and writes the workspace."""
    workspace = os.path.realpath(workspace)
    library = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))}
    # Where Python is the system's own, its prefix is all of /usr: only the library then.
    library = {path for path in library if path not in ("/", "/usr", "/usr/local")}
    library.update(os.path.realpath(path) for path in sys.path if os.path.isdir(path))
    readable = tuple(library.union(_SYSTEM_FILES, map(os.path.realpath, _SYSTEM_FILES)))
    realpath, fsdecode, separator = os.path.realpath, os.fsdecode, os.sep

    def within(path, roots):
        return any(path == root or path.startswith(root + separator) for root in roots)

    def check_path(path, writes):
        if not isinstance(path, (str, bytes)):
            raise PermissionError("a bot opens files by name")
        path = realpath(fsdecode(path))
        if not within(path, (workspace,)) and (writes or not within(path, readable)):
            raise PermissionError(f"{path!r} is outside ctx.workspace")

    def hook(event, args):
        if event == "open":
            check_path(args[0], bool(args[2] & _WRITING))
        elif event in _NETWORK:
            raise OSError(NO_NETWORK)
        elif event in _READ_ONLY:
            check_path(args[0] if args[0] is not None else ".", False)
        elif event.startswith(_PROCESS):
            raise PermissionError(f"{event} is not allowed in a bot")

    sys.addaudithook(hook)
