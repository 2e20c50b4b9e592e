"""An audit hook that refuses file, network and process operations, whichever library performs them.

It gives authors clear errors. Nothing in the process can remove the hook, but it is no protection against code that
has broken out of the interpreter.
"""

import os
import sys

NO_NETWORK = "a bot has no network of its own; the relay makes its connections"

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


def _readable_paths():
    """The files and directories outside of the workspace that a bot may read."""
    library = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))}
    # The prefix of the system's Python is all of /usr. Only its library directories may be readable.
    library = {path for path in library if path not in ("/", "/usr", "/usr/local")}
    library.update(os.path.realpath(path) for path in sys.path if os.path.isdir(path))
    return tuple(library.union(_SYSTEM_FILES, map(os.path.realpath, _SYSTEM_FILES)))


def _hook():
    """Returns the audit hook, and the function that turns it on for a workspace, for good."""
    workspace, readable = None, _readable_paths()
    realpath, fsdecode, separator = os.path.realpath, os.fsdecode, os.sep

    def within(path, roots):
        return any(path == root or path.startswith(root + separator) for root in roots)

    def check_path(path, writes):
        if not isinstance(path, (str, bytes)):
            raise PermissionError("a bot must open files by name")
        path = realpath(fsdecode(path))
        if not within(path, (workspace,)) and (writes or not within(path, readable)):
            raise PermissionError(f"{path!r} is outside ctx.workspace")

    def hook(event, args):
        if workspace is None:
            return
        if event == "open":
            check_path(args[0], bool(args[2] & _WRITING))
        elif event in _NETWORK:
            raise OSError(NO_NETWORK)
        elif event in _READ_ONLY:
            check_path(args[0] if args[0] is not None else ".", False)
        elif event.startswith(_PROCESS):
            raise PermissionError(f"{event} is not allowed in a bot")

    def isolate(directory):
        nonlocal workspace
        workspace = os.fspath(directory)  # not None, which would turn the hook off

    return hook, isolate


_isolate = None


def prepare():
    """Installs the hook in this process; it does nothing until `isolate`."""
    global _isolate
    hook, _isolate = _hook()
    sys.addaudithook(hook)


def isolate(workspace):
    """Restricts this process, from now on, to reading the Python library and the workspace, and to writing the workspace.

    The path of the workspace must not contain symbolic links.
    """
    _isolate(workspace)
