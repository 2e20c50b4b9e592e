# tries: memory that is not counted as its own: shared, in unnamed files, in pipes
# on: policy; rejected "Import of 'mmap' is not allowed"
# off: rlimits, seccomp; stopped


def touched(held, size):
    for place in range(0, size, 4096):
        held[place] = 1
    return size


def by_sharing(ctx):
    import mmap  # refused

    return touched(mmap.mmap(-1, 700 << 20), 700 << 20)


def by_private(ctx):
    import mmap

    return touched(mmap.mmap(-1, 700 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), 700 << 20)


def by_nameless_file(ctx):
    import os  # refused

    held = os.memfd_create("x")
    for _ in range(700):
        os.write(held, b"x" * (1 << 20))
    return "700 MB"


def by_pipes(ctx):
    import os

    held = []
    for _ in range(1000):
        ends = os.pipe()
        os.set_blocking(ends[1], False)
        os.write(ends[1], b"x" * (1 << 20))
        held.append(ends)
    return len(held)


def by_sockets(ctx):
    import socket

    held = []
    for _ in range(1000):
        held.append(socket.socketpair())
        held[-1][0].setblocking(False)
        held[-1][0].send(b"x" * (1 << 20))
    return len(held)


ATTEMPTS = [by_sharing, by_private, by_nameless_file, by_pipes, by_sockets]
