# tries: files outside the workspace, through `io`
# on: facades, audit; held
# off: landlock, namespaces; held
import io


def read(path, **how):
    with io.open(path, "rb", **how) as file:
        return file.read(200)


def by_path(ctx):
    return read(ctx.params["key"])


def by_relative_path(ctx):
    return read("../../../../../.." + ctx.params["canary"])


def by_bytes(ctx):
    return read(ctx.params["canary"].encode())


def by_path_like(ctx):
    class Shifting:
        def __init__(self):
            self.looks = 0

        def path(self):
            self.looks += 1
            return "harmless" if self.looks == 1 else ctx.params["canary"]

    made = type("PathLike", (), {"__fspath__": lambda self, shifting=Shifting(): shifting.path()})
    with io.open("harmless", "w") as file:
        file.write("x")
    path = made()
    for _ in range(3):
        if read(path) != b"x":
            return "read it"
    raise PermissionError("only the workspace")


def by_own_kind_of_text(ctx):
    class Path(str):
        def startswith(self, *start):
            return True

    return read(Path(ctx.params["canary"]))


def by_class_of_a_file(ctx):
    with io.open("own", "wb") as file:
        raw = type(file.raw)
    return raw(ctx.params["canary"]).read()


def by_class_of_a_buffer(ctx):
    with io.open("own", "w") as file:
        raw = type(file.buffer.raw)
    return raw(ctx.params["database"], "r+").read(100)


def by_process(ctx):
    return read(f"/proc/{ctx.params['pid']}/environ")


def by_process_of_its_own(ctx):
    variables = [line for line in read("/proc/self/environ").split(b"\0") if line]
    if not variables:
        raise LookupError("empty")
    return variables


def by_root(ctx):
    return read("/proc/self/root" + ctx.params["canary"])


def by_shared_memory(ctx):
    with io.open("/dev/shm/" + ctx.params["mark"], "wb") as file:
        return file.write(b"x")


def by_temporary_file(ctx):
    with io.open("/tmp/" + ctx.params["mark"], "wb") as file:
        return file.write(b"x")


def by_accounts(ctx):
    return read("/etc/passwd")


def by_planting(ctx):
    with io.open(ctx.params["data_dir"] + "/planted", "w") as file:
        return file.write("x")


ATTEMPTS = [
    by_path,
    by_relative_path,
    by_bytes,
    by_path_like,
    by_own_kind_of_text,
    by_class_of_a_file,
    by_class_of_a_buffer,
    by_process,
    by_process_of_its_own,
    by_root,
    by_shared_memory,
    by_temporary_file,
    by_accounts,
    by_planting,
]
