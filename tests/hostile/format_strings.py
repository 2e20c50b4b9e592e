# tries: attributes that a format string names
# on: guards; held
# off: process; held
import string


def told(text):
    REACHED.append(text[:60])
    raise LookupError("text only")


def by_format(ctx):
    return told("{0.__class__}".format(ctx))


def by_format_map(ctx):
    return told("{ctx._facts}".format_map({"ctx": ctx}))


def by_class(ctx):
    return told(str.format("{0.post.__func__.__globals__}", ctx))


def by_map(ctx):
    return told(list(map(str.format, ["{0.__init__.__globals__}"], [ctx]))[0])


def by_getattr(ctx):
    return told(getattr("{0._effects}", "for" + "mat")(ctx))


def by_subclass(ctx):
    class Text(str):
        def shown(self, *values):
            return super().format(*values)

    return told(Text("{0._facts}").shown(ctx))


def by_super_of_two(ctx):
    class Text(str):
        pass

    return told(super(Text, Text("{0._facts}")).format(ctx))


def by_formatter(ctx):
    return told(string.Formatter().format("{0.__class__}", ctx))


def by_field(ctx):
    return told(str(string.Formatter().get_field("0.__class__", [ctx], {})))


def by_formatter_above(ctx):
    formatter = string.Formatter()
    return told(str(super(string.Formatter, formatter).get_field("0.__class__", [ctx], {})))


def by_nested_field(ctx):
    return told("{:{0.__class__}}".format(ctx))


def by_old_style(ctx):
    return told("%(x.__class__)s" % {"x": ctx})


def by_template(ctx):
    return told(string.Template("${x.__class__}").substitute(x=ctx))


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
