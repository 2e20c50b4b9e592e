"""A bot's `import`: it returns a facade of each allowed module, never the module itself.

A facade has the module's public names, but not the modules that it imported, through which a bot could reach
`os`. A bot can't write to a facade, and each hook gets new ones, so that nothing persists from one hook to the next.
"""

import decimal
import importlib
import sys
from types import ModuleType

from multiplayer import names


class Facade(ModuleType):
    """The public names of a module; a submodule appears once it has been imported."""

    def __getattr__(self, name):
        real = sys.modules.get(real_name(self.__name__))
        submodule = None if name.startswith("_") else vars(real).get(name)
        if isinstance(submodule, ModuleType) and is_allowed(submodule.__name__):
            return _facade(submodule.__name__)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __repr__(self):
        return f"<module {self.__name__!r}>"


# Functions that make the names of replaced modules, by module name; facades.py registers them.
_replacements = {}

# For each imported module: its names, and those of them whose values a bot could modify.
_exports = {}
_MUTABLE = (dict, list, set, bytearray, decimal.Context)

# The modules that this process has for bots.
_allowed = names.IMPORTABLE

# The facades of this hook. Each hook gets new ones, because a bot may find a way to write into an object.
_facades = {}


def replace(module, make):
    """Makes bots see the names that `make()` returns, instead of the module's own."""
    _replacements[module] = make
    _exports.pop(module, None)


def forget():
    """Has the names of all modules looked up again, after some of them were replaced."""
    _exports.clear()


def is_allowed(module):
    return module.partition(".")[0] in _allowed


def real_name(module):
    """Returns the name of a module that Python knows: bots import some of this package under shorter names."""
    return names.OWN_MODULES.get(module, module)


def allow_only(allowed):
    """Refuses all modules except these, from now on."""
    global _allowed
    _allowed = allowed


def imported(module):
    """Returns whether the bot has imported this module in this process."""
    return module in _exports


def reset():
    """Discards the facades of the last hook."""
    _facades.clear()


def bot_import(name, globals=None, locals=None, fromlist=(), level=0):
    """The bot's `__import__`."""
    if level or not is_allowed(name):
        raise ImportError(f"Import of '{name}' is not allowed", name=name)
    facade = _facade(name)
    if not fromlist:
        return _facade(name.partition(".")[0])
    for attribute in fromlist:
        if not hasattr(facade, attribute):
            _import_attribute(facade, name, attribute)
    return facade


def _import_attribute(facade, module, attribute):
    try:
        if hasattr(sys.modules[real_name(module)], "__path__") and module not in _replacements:
            importlib.import_module(f"{module}.{attribute}")
    except ImportError:
        pass
    if not hasattr(facade, attribute):
        raise ImportError(f"cannot import name {attribute!r} from {module!r}", name=module)


def _facade(name):
    facade = _facades.get(name)
    if facade is None:
        exported, mutable = _exports.get(name) or _load_exports(name)
        facade = _facades[name] = Facade(name, sys.modules[real_name(name)].__doc__)
        namespace = vars(facade)
        namespace.update(exported)
        for each in mutable:
            namespace[each] = exported[each].copy()
    return facade


def _load_exports(name):
    real = importlib.import_module(real_name(name))
    make = _replacements.get(name)
    exported = make() if make else public_names(real)
    mutable = [name for name, value in exported.items() if type(value) in _MUTABLE]
    _exports[name] = exported, mutable
    return _exports[name]


def public_names(module):
    """Returns a module's `__all__`, its own definitions and its constants, but not its imports."""
    listed = getattr(module, "__all__", None)
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_") or isinstance(value, ModuleType):
            continue
        is_own = getattr(value, "__module__", None) == module.__name__
        if listed is None or name in listed or is_own or not callable(value):
            found[name] = value
    return found
