# tries: the frames of generators and tracebacks, which lead to the runtime's globals
# on: policy; rejected "it belongs to frame and code objects"
# off: landlock, seccomp, namespaces; held
import sys


def by_generator(ctx):
    def steps():
        yield 1

    frame = steps().gi_frame  # refused
    while frame.f_back is not None:
        frame = frame.f_back
    return loot(frame.f_globals["os"], ctx.params)  # refused


def by_traceback(ctx):
    try:
        1 / 0
    except ZeroDivisionError:
        frame = sys.exc_info()[2].tb_frame
    while frame is not None:
        if "os" in frame.f_globals:
            return loot(frame.f_globals["os"], ctx.params)
        frame = frame.f_back
    raise LookupError("no os")


ATTEMPTS = [by_generator, by_traceback]
