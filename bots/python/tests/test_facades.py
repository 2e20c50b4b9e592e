"""What a bot may import leads nowhere else: `.venv/bin/python -m unittest discover bots/python/tests`.

Walks every public attribute of everything that a bot gets hold of without calling anything, and looks
for modules themselves, and for the built-ins that the policy refuses.
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


class EverythingWithinReach(unittest.TestCase):
    def test_leads_to_no_module_and_no_refused_builtin(self):
        # Deprecated names say so when they are looked at.
        warnings.simplefilter("ignore", DeprecationWarning)
        log = Log(100)
        facades.install(log, "/tmp", "<bot>")
        queue = [(name, value, 0) for name, value in guards.bot_builtins(modules.bot_import, log).items()]
        for name in sorted(names.MODULES) + SUBMODULES:
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
                queue.extend((f"{path}.{name}", found, depth + 1) for name, found in within_reach(value))
        self.assertGreater(len(seen), 5000, "the walk came far")


def within_reach(value):
    """The public attributes of a value, and the items of the usual containers."""
    listed = dir(value)
    if isinstance(value, modules.Facade):
        listed += vars(sys.modules[value.__name__])
    for name in listed:
        if not name.startswith("_"):
            try:
                yield name, guards.guarded_getattr(value, name)
            except Exception:
                # Whatever it raises, a bot would get the same.
                continue
    if type(value) is dict:
        yield from ((f"[{key!r}]", item) for key, item in list(value.items())[:200])
    elif type(value) in (list, tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value[:50]))


if __name__ == "__main__":
    unittest.main()
