"""The functions that a bot's rewritten source calls at run time, and the bot's built-ins."""

import builtins
import functools
import string
from types import BuiltinFunctionType, BuiltinMethodType, FunctionType, MethodType, ModuleType

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from multiplayer import identity, names

FORMATTERS = frozenset({"format", "format_map"})


def guarded_getattr(owner, name, *default):
    """`getattr` for names that the policy cannot judge before run time."""
    if type(name) is not str:
        raise TypeError("attribute name must be string")
    if name.startswith("_"):
        _check_private(owner, name)
    elif name in INSPECT_ATTRIBUTES:
        raise AttributeError(f'"{name}" is not allowed: it belongs to frame and code objects')
    elif name in FORMATTERS:
        return _checked_format(getattr(owner, name, *default), name)
    return getattr(owner, name, *default)


def _checked_format(found, name):
    # `format` can be reached through a string, through a class or through `super`.
    if found is getattr(str, name):
        return _FORMATS[name]
    if isinstance(found, BuiltinMethodType) and isinstance(found.__self__, str):
        return functools.partial(_FORMATS[name], found.__self__)
    return found


def _check_private(owner, name):
    if names.is_special(name):
        if name not in names.READABLE:
            raise AttributeError(f'"{name}" is an invalid attribute name because it starts with "__"')
    elif not (name in names.PUBLIC_PRIVATES or _is_own(owner, name)):
        raise AttributeError(f'"{name}" is a private name of {type(owner).__name__!r} objects')


def _is_own(owner, name):
    """Returns whether a private name was defined by the bot, not by a library whose class it extends."""
    if isinstance(owner, (FunctionType, MethodType)):
        return owner.__module__ == names.BOT_MODULE
    if type(owner) is super:
        classes = type(owner.__self__).__mro__ if not isinstance(owner.__self__, type) else owner.__self__.__mro__
        classes = classes[classes.index(owner.__thisclass__) + 1 :]
    elif isinstance(owner, type):
        classes = type.mro(owner)
    else:
        classes = type(owner).__mro__
        if type(owner).__module__ != names.BOT_MODULE:
            return False
    for candidate in classes:
        if name in vars(candidate):
            return candidate.__module__ == names.BOT_MODULE
    return any(candidate.__module__ == names.BOT_MODULE for candidate in classes)


def guarded_write(owner, name):
    """Returns the owner if its attribute `name` may be assigned or deleted; raises TypeError otherwise."""
    kind = type(owner)
    if kind.__module__ != names.BOT_MODULE:
        if isinstance(owner, (type, FunctionType)):
            allowed = owner.__module__ == names.BOT_MODULE
        else:
            allowed = not isinstance(owner, (ModuleType, BuiltinFunctionType, MethodType))
        if not allowed or (name.startswith("_") and not _is_own(owner, name)):
            what = getattr(owner, "__name__", kind.__name__)
            raise TypeError(f"attribute {name!r} of {what!r} can't be changed: it isn't the bot's own")
    return owner


def guarded_setattr(owner, name, value):
    _check_assigned(name)
    setattr(guarded_write(owner, name), name, value)


def guarded_delattr(owner, name):
    _check_assigned(name)
    delattr(guarded_write(owner, name), name)


def _check_assigned(name):
    if type(name) is not str:
        raise TypeError("attribute name must be string")
    if names.is_special(name) or name in INSPECT_ATTRIBUTES:
        raise AttributeError(f'"{name}" can\'t be assigned')


def guarded_hasattr(owner, name):
    try:
        guarded_getattr(owner, name)
    except AttributeError:
        return False
    return True


def _get_field(self, field_name, args, kwargs):
    first, rest = string._string.formatter_field_name_split(field_name)
    value = self.get_value(first, args, kwargs)
    for is_attribute, key in rest:
        value = guarded_getattr(value, key) if is_attribute else value[key]
    return value, first


# `string.Formatter`, with guarded access to the attributes that a field names. The methods are copied instead of
# inherited: in a subclass, a bot could reach the unguarded method through `super`.
_methods = {name: method for name, method in vars(string.Formatter).items() if isinstance(method, FunctionType)}
Formatter = type("Formatter", (), _methods | {"get_field": _get_field})


_FORMATS = {
    "format": lambda text, /, *args, **kwargs: Formatter().vformat(text, args, kwargs),
    "format_map": lambda text, mapping, /: Formatter().vformat(text, (), mapping),
}


def bot_builtins(importer, log):
    """Returns the `__builtins__` of a bot; `importer` handles its imports, and `log` receives its prints."""

    def print(*values, sep=" ", end="\n", file=None, flush=False):
        builtins.print(*values, sep=sep, end=end, file=log if file is None else file)

    return _base_builtins() | {"__import__": importer, "print": print}


def _base_builtins():
    """The builtins that are the same for every bot."""
    table = {name: getattr(builtins, name) for name in names.BUILTINS}
    for name, value in vars(builtins).items():
        if isinstance(value, type) and issubclass(value, BaseException):
            table[name] = value
    table.update(
        getattr=guarded_getattr,
        setattr=guarded_setattr,
        delattr=guarded_delattr,
        hasattr=guarded_hasattr,
        id=identity.number,
        __build_class__=functools.partial(identity.build_class, builtins.__build_class__),
    )
    return table
