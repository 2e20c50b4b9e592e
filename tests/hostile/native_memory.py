# tries: data of other bots in memory, and in inherited descriptors
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
    # All memory between Python's objects, free memory included.
    seized, needle, found = Seized(), b"canary-vault-hostile", []
    containers = [held for held in gc.get_objects() if type(held) in (dict, list, tuple)]
    # Only pages that contain an object are certain to be mapped.
    pages = sorted({id(held) >> 12 for held in containers + gc.get_referents(*containers)})
    while pages:
        first, last = pages[0], pages.pop(0)
        while pages and pages[0] == last + 1:
            last = pages.pop(0)
        memory = bytes(seized.memory[first << 12 : last + 1 << 12])
        # Skips the search pattern itself; a secret is longer.
        found += [rest[:40] for rest in memory.split(needle)[1:] if rest.startswith(b"-tmp")]
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
