# tries: attributes named in a format string
# on: guards; held
# off: process; held
import string


def report(text):
    REACHED.append(text[:60])
    raise LookupError("text only")


def by_format(ctx):
    return report("{0.__class__}".format(ctx))


def by_format_map(ctx):
    return report("{ctx._facts}".format_map({"ctx": ctx}))


def by_class(ctx):
    return report(str.format("{0.post.__func__.__globals__}", ctx))


def by_map(ctx):
    return report(list(map(str.format, ["{0.__init__.__globals__}"], [ctx]))[0])


def by_getattr(ctx):
    return report(getattr("{0._effects}", "for" + "mat")(ctx))


def by_subclass(ctx):
    class Text(str):
        def shown(self, *values):
            return super().format(*values)

    return report(Text("{0._facts}").shown(ctx))


def by_super_of_two(ctx):
    class Text(str):
        pass

    return report(super(Text, Text("{0._facts}")).format(ctx))


def by_formatter(ctx):
    return report(string.Formatter().format("{0.__class__}", ctx))


def by_field(ctx):
    return report(str(string.Formatter().get_field("0.__class__", [ctx], {})))


def by_formatter_above(ctx):
    formatter = string.Formatter()
    return report(str(super(string.Formatter, formatter).get_field("0.__class__", [ctx], {})))


def by_nested_field(ctx):
    return report("{:{0.__class__}}".format(ctx))


def by_old_style(ctx):
    return report("%(x.__class__)s" % {"x": ctx})


def by_template(ctx):
    return report(string.Template("${x.__class__}").substitute(x=ctx))


ATTEMPTS = [
    by_format,
    by_format_map,
    by_class,
    by_map,
    by_getattr,
    by_subclass,
    by_super_of_two,
    by_formatter,
    by_field,
    by_formatter_above,
    by_nested_field,
    by_old_style,
    by_template,
]
