# tries: to replace the functions that the rewritten source calls
# on: policy; rejected "reserved name"
# off: landlock, seccomp, namespaces; held


def by_parameter(ctx, _getattr_=lambda owner, name: owner):  # refused
    return ctx._effects


def by_assignment(ctx):
    global _write_  # refused
    _write_ = lambda owner, name: owner  # refused
    return ctx


def by_attempt(ctx):
    raise LookupError("nothing to be had of plain Python")


ATTEMPTS = [by_attempt]
