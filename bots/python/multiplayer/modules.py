"""What `import` gives a bot: a facade of each allowed module, never the module itself.

A facade has the module's public names, without the modules that it happens to have imported (which
is how `os` would be reached), and it can't be written to, so that one hook leaves nothing for the
next.
"""

import decimal
import importlib
import sys
from types import ModuleType

from multiplayer import names


class Facade(ModuleType):
    """The public face of a module; its submodules appear once they are imported."""

    def __getattr__(self, name):
        real = sys.modules.get(self.__name__)
        submodule = None if name.startswith("_") else vars(real).get(name)
        if isinstance(submodule, ModuleType) and is_allowed(submodule.__name__):
            return _serve(submodule.__name__)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __repr__(self):
        return f"<module {self.__name__!r}>"


# Facades written by hand or changed, by module: `facades` fills it.
_replacements = {}

# What each module offers: its names, and those of them that a bot could change for its next hook.
_offered = {}
_CHANGEABLE = (dict, list, set, bytearray, decimal.Context)

# The facades of this hook. The next one gets others: there are ways to write into any object.
_served = {}


def replace(module, make):
    """Serves `make()`, a dict of names, in place of the module's own."""
    _replacements[module] = make


def is_allowed(module):
    return module.partition(".")[0] in names.MODULES


def imported(module):
    """Whether the bot has imported this module in this process."""
    return module in _offered


def freshen():
    """Begins anew, for another hook."""
    _served.clear()


def bot_import(name, globals=None, locals=None, fromlist=(), level=0):
    """`__import__` as a bot has it."""
    if level or not is_allowed(name):
        raise ImportError(f"Import of '{name}' is not allowed", name=name)
    facade = _serve(name)
    if not fromlist:
        return _serve(name.partition(".")[0])
    for attribute in fromlist:
        if not hasattr(facade, attribute):
            _import_attribute(facade, name, attribute)
    return facade


def _import_attribute(facade, module, attribute):
    try:
        if hasattr(sys.modules[module], "__path__") and module not in _replacements:
            importlib.import_module(f"{module}.{attribute}")
    except ImportError:
        pass
    if not hasattr(facade, attribute):
        raise ImportError(f"cannot import name {attribute!r} from {module!r}", name=module)


def _serve(name):
    facade = _served.get(name)
    if facade is None:
        offered, changeable = _offered.get(name) or _offer(name)
        facade = _served[name] = Facade(name, sys.modules[name].__doc__)
        inside = vars(facade)
        inside.update(offered)
        for changed in changeable:
            inside[changed] = offered[changed].copy()
    return facade


def _offer(name):
    real = importlib.import_module(name)
    make = _replacements.get(name)
    offered = make() if make else public_names(real)
    changeable = [name for name, value in offered.items() if type(value) in _CHANGEABLE]
    _offered[name] = offered, changeable
    return _offered[name]


def public_names(module):
    """What a module offers: its `__all__`, its own definitions, its constants; not what it imported."""
    listed = getattr(module, "__all__", None)
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_") or isinstance(value, ModuleType):
            continue
        is_own = getattr(value, "__module__", None) == module.__name__
        if listed is None or name in listed or is_own or not callable(value):
            found[name] = value
    return found
