# tries: the frame of a coroutine
# on: policy; rejected "async code is not allowed"
# off: landlock, seccomp, namespaces; held
import collections


async def wait():  # refused
    return 1


def by_coroutine(ctx):
    frame = wait().cr_frame  # refused
    return loot(frame.f_globals["collections"]._sys.modules["os"], ctx.params)  # refused


ATTEMPTS = [by_coroutine]
