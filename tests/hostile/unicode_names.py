# tries: names that become forbidden ones only after normalisation
# on: policy; rejected "__class__"
# off: landlock, seccomp, namespaces; held


def by_wide_letters(ctx):
    kind = ctx.__ｃlass__  # refused
    return loot(kind.post.__ｇlobals__["json"].codecs.sys.modules["os"], ctx.params)  # refused


def by_import(ctx):
    return loot(__ｉmport__("os"), ctx.params)  # refused


ATTEMPTS = [by_wide_letters, by_import]
