# tries: what other bots have left in memory, and in descriptors that were handed down
# on: policy; rejected "Import of 'gc' is not allowed"
# off: process; held
import gc  # refused
import os  # refused


def by_objects(ctx):
    found = [text[:100] for text in gc.get_objects() if isinstance(text, str) and text.startswith("canary-")]
    found += [
        value[:100]
        for held in gc.get_objects()
        if isinstance(held, (dict, list, tuple))
        for value in (held.values() if isinstance(held, dict) else held)
        if isinstance(value, str) and value.startswith("canary-") and len(value) > 12
    ]
    if not found:
        raise LookupError("none")
    return found


def by_arenas(ctx):
    # All memory between Python's objects, also what is free by now.
    seized, needle, places, found = Seized(), b"canary-vault-hostile", {}, []
    for held in gc.get_objects():
        if type(held) in (dict, list, tuple):
            places.setdefault(id(held) >> 20, []).append(id(held))
    for held in places.values():
        held = bytes(seized.memory[min(held) : max(held)])
        # What it looks for is there itself; a secret goes on.
        found += [rest[:40] for rest in held.split(needle)[1:] if rest.startswith(b"-tmp")]
    if not found:
        raise LookupError("none")
    return found


def by_descriptors(ctx):
    found = {}
    for number in range(3, 1024):
        try:
            mode = os.fstat(number).st_mode & 0o170000
        except OSError:
            continue
        if mode in (0o100000, 0o040000, 0o060000):
            found[number] = oct(mode)
    if not found:
        raise LookupError("none but its socket")
    return found


ATTEMPTS = [by_objects, by_arenas, by_descriptors]
