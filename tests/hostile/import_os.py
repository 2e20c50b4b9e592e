# tries: the operating system, by importing it
# on: policy; rejected "Import of 'os' is not allowed"
# off: landlock, seccomp, namespaces; held
import os  # refused
import pathlib  # refused


def by_os(ctx):
    return loot(os, ctx.params)


def by_subprocess(ctx):
    import subprocess  # refused

    return subprocess.run(["/bin/sleep", "0"], check=True)


def by_system(ctx):
    if os.system("exit 7") != 7 << 8:
        raise OSError("no shell")


def by_pathlib(ctx):
    return pathlib.Path(ctx.params["key"]).read_bytes()


ATTEMPTS = [by_os, by_subprocess, by_system, by_pathlib]
