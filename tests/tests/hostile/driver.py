

# Driver of the program above, appended by `tests/hostile.rs`.

REACHED = []


def loot(os, params):
    """Tries what an attacker with `os` would try. Raises when nothing succeeds."""
    REACHED.append(type(os).__name__)

    def read(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, 4096)
        finally:
            os.close(descriptor)

    def write(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return path

    def fork():
        child = os.fork()
        if child == 0:
            os._exit(0)
        return child

    acts = [
        lambda: read(params["key"]),
        lambda: read(params["canary"]),
        lambda: read(params["database"]),
        lambda: os.listdir(params["data_dir"]),
        lambda: os.environ["HOSTILE_CANARY"],
        lambda: read(f"/proc/{params['pid']}/environ"),
        lambda: os.kill(params["pid"], 0),
        lambda: read("/etc/passwd"),
        lambda: write("/tmp/" + params["mark"]),
        lambda: write(params["data_dir"] + "/planted"),
        lambda: os.posix_spawn("/bin/sleep", ["sleep", "1000", params["mark"]], {}),
        fork,
    ]
    taken = []
    for act in acts:
        try:
            taken.append(str(act()))
        except (OSError, KeyError, ValueError):
            pass
    if not taken:
        raise PermissionError("nothing succeeded")
    return taken


class Hostile:
    """Runs each of ATTEMPTS and posts the results."""

    def on_message(self, msg):
        escaped, refused = {}, {}
        for attempt in ATTEMPTS:
            try:
                escaped[attempt.__name__] = ascii(attempt(self.ctx))[:400]
            except BaseException as error:
                refused[attempt.__name__] = ascii(error)[:200]
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": refused, "reached": REACHED})
