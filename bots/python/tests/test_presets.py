"""Every preset passes the policy, is registered, and is short enough to read."""

import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from multiplayer.policy import compile_bot  # noqa: E402

ROOT = pathlib.Path(__file__).parents[3]
PRESETS = sorted((ROOT / "bots/python/presets").glob("*.py"))
REGISTRY = (ROOT / "bots/supervisor/src/preset.rs").read_text()


class EveryPreset(unittest.TestCase):
    def test_passes_the_policy(self):
        for path in PRESETS:
            with self.subTest(path.name):
                compile_bot(path.read_text(), path.name)

    def test_is_registered_under_the_name_of_its_class(self):
        registered = dict(re.findall(r'name: "(\w+)".*?presets/(\w+\.py)"', REGISTRY, re.DOTALL))
        self.assertEqual(sorted(registered.values()), [path.name for path in PRESETS])
        for name, file in registered.items():
            source = (ROOT / "bots/python/presets" / file).read_text()
            self.assertRegex(source, rf"(?m)^class {name}:$")

    def test_is_short_enough_to_read(self):
        for path in PRESETS:
            lines = path.read_text().splitlines()
            self.assertLess(len(lines), 560, path.name)
            self.assertLessEqual(max(map(len, lines)), 132, path.name)
            self.assertTrue(path.read_text().startswith('"""'), path.name)


if __name__ == "__main__":
    unittest.main()
