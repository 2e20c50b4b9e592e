# tries: to replace the keystream by randomness of its own choice, and to learn the keystream's key
# on: guards, facades; held
# off: process; stopped
import random
import secrets
import uuid


def drawn_twice(draw):
    first, second = draw(), draw()
    if first == second:
        REACHED.append("a stream that repeats")
    raise LookupError("the keystream goes on")


def by_seeding(ctx):
    def draw():
        random.seed(1)
        return random.random()

    return drawn_twice(draw)


def by_state(ctx):
    state = random.getstate()

    def draw():
        random.setstate(state)
        return random.random()

    return drawn_twice(draw)


def by_patching(ctx):
    random.random = lambda: 4
    REACHED.append(random.random() if random.random() == 4 else "")
    raise LookupError("its own")


def by_patching_a_class(ctx):
    type(random.SystemRandom()).random = lambda self: 4
    return drawn_twice(secrets.SystemRandom().random)


def by_patching_secrets(ctx):
    setattr(secrets, "token_bytes", lambda size: b"4" * size)
    return drawn_twice(lambda: secrets.token_bytes(8))


def by_inner_instance(ctx):
    getattr(random, "_inst").random = lambda: 4
    return drawn_twice(random.random)


def by_bound_method(ctx):
    owner = getattr(random.random, "__self__")
    REACHED.append(type(owner).__name__)
    raise LookupError("its own")


def by_identifiers(ctx):
    return drawn_twice(uuid.uuid4)


def by_key(ctx):
    effects = getattr(ctx, "_effects")
    REACHED.append(str(getattr(effects.stream, "_key"))[:4])
    raise LookupError("its own")


ATTEMPTS = [
    by_seeding,
    by_state,
    by_patching,
    by_patching_a_class,
    by_patching_secrets,
    by_inner_instance,
    by_bound_method,
    by_identifiers,
    by_key,
]
