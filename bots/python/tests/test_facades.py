"""The modules that a bot can import give no access to other modules or to refused built-ins.

The test walks through all public attributes that a bot can reach without calling anything, and looks for real modules
and for built-ins that the policy refuses.
"""

import builtins
import pathlib
import sys
import types
import unittest
import warnings

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from multiplayer import facades, guards, modules, names  # noqa: E402
from multiplayer.log import Log  # noqa: E402

SUBMODULES = """
    collections.abc email.message email.mime.text email.policy email.utils http.client http.cookies http.server json.decoder
    requests.adapters requests.compat requests.sessions requests.utils urllib.error urllib.parse urllib.request
    urllib3.connection urllib3.util urllib3.util.ssl_
""".split()

DEPTH = 6


class ReachableObjects(unittest.TestCase):
    def test_include_no_real_module_and_no_refused_builtin(self):
        # Reading a deprecated name warns.
        warnings.simplefilter("ignore", DeprecationWarning)
        log = Log(100)
        facades.install(log, "<bot>")
        facades.install_files("/tmp")
        self.addCleanup(modules.forget)  # another test replaces what this one has looked up
        queue = [(name, value, 0) for name, value in guards.bot_builtins(modules.bot_import, log).items()]
        for name in sorted(names.IMPORTABLE) + SUBMODULES:
            queue.append((name, modules.bot_import(name, fromlist=("__name__",)), 0))
        refused = {id(getattr(builtins, name)): name for name in names.REFUSED_BUILTINS if hasattr(builtins, name)}
        refused[id(builtins.__import__)] = "__import__"
        seen = set()
        for path, value, depth in queue:
            if id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, types.ModuleType):
                self.assertIsInstance(value, modules.Facade, path)
            self.assertNotIn(id(value), refused, path)
            if depth < DEPTH:
                queue.extend((f"{path}.{name}", found, depth + 1) for name, found in reachable_from(value))
        self.assertGreater(len(seen), 5000, "the walk reached many objects")


def reachable_from(value):
    """Yields the public attributes of a value, and the items of dicts, lists and tuples."""
    listed = dir(value)
    if isinstance(value, modules.Facade):
        listed += vars(sys.modules[modules.real_name(value.__name__)])
    for name in listed:
        if not name.startswith("_"):
            try:
                yield name, guards.guarded_getattr(value, name)
            except Exception:
                # A bot would get the same exception.
                continue
    if type(value) is dict:
        yield from ((f"[{key!r}]", item) for key, item in list(value.items())[:200])
    elif type(value) in (list, tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value[:50]))


if __name__ == "__main__":
    unittest.main()
