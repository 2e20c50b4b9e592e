# tries: processes of its own, which would survive when it is killed
# on: policy; rejected "Import of 'os' is not allowed"
# off: seccomp; held
import os  # refused


def forked(make):
    made = []
    # Bounded, to spare the machine if the sandbox fails.
    for _ in range(40):
        child = make()
        if child == 0:
            try:
                os.setsid()
            finally:
                while True:
                    os.read(os.pipe()[0], 1)
        made.append(child)
    return made


def by_fork(ctx):
    return forked(os.fork)


def by_terminal(ctx):
    return forked(lambda: os.forkpty()[0])


def by_spawning(ctx):
    return os.posix_spawn("/bin/sleep", ["sleep", "1000", ctx.params["mark"]], {})


def by_subprocess(ctx):
    import subprocess  # refused

    return subprocess.Popen(["/bin/sleep", "1000", ctx.params["mark"]]).pid


def by_replacing(ctx):
    os.execve("/bin/sleep", ["sleep", "1000", ctx.params["mark"]], {})


def by_interpreter(ctx):
    import sys

    os.execve(sys.executable, ["python", "-c", "import time; time.sleep(1000)", ctx.params["mark"]], {})


def by_multiprocessing(ctx):
    import multiprocessing  # refused

    process = multiprocessing.get_context("fork").Process(target=lambda: None)
    process.start()
    return process.pid


ATTEMPTS = [
    by_fork,
    by_terminal,
    by_spawning,
    by_subprocess,
    by_replacing,
    by_interpreter,
    by_multiprocessing,
]
