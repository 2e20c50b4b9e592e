# tries: the same built-ins, under names that the policy does not look for
# on: guards; held
# off: landlock, seccomp, namespaces; held


def from_builtins(ctx):
    import collections

    return loot(getattr(collections, "abc").sys.modules["os"], ctx.params)


def by_spelling(ctx):
    name = "__imp" + "ort__"
    return loot(getattr(getattr(ctx, "__init" + "__"), "__globals__")["__builtins__"][name]("os"), ctx.params)


def by_class_of_a_function(ctx):
    function = type(by_spelling)
    code = getattr(by_spelling, "__code__")
    return loot(function(code, {})(ctx), ctx.params)


def by_class_of_code(ctx):
    return loot(type(getattr(by_spelling, "__code__")), ctx.params)


def by_module_class(ctx):
    import json

    module = type(json)
    return loot(getattr(module("os"), "__loader__"), ctx.params)


ATTEMPTS = [from_builtins, by_spelling, by_class_of_a_function, by_class_of_code, by_module_class]
