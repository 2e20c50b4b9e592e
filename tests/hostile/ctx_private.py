# tries: the runtime's private objects behind ctx
# on: guards; held
# off: landlock, seccomp, namespaces; held


def by_attribute(ctx):
    raise LookupError(f"its own: {ctx._facts['bot_id']}")


ATTEMPTS = [by_attribute]
