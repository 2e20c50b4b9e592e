"""A program behaves in the same way in the process that compiled it and in all others."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from multiplayer.policy import Rejected  # noqa: E402
from multiplayer.program import Program  # noqa: E402


class Compilation(unittest.TestCase):
    def test_compiled_code_and_its_copy_iterate_constant_sets_in_the_same_order(self):
        source = "class Bot:\n    order = [x for x in {8, 0, 16}]\n    def on_init(self):\n        pass\n"
        first = Program("Bot", source, None)
        copy = Program("Bot", source, None, first.dumped())
        self.assertEqual(first.bot_class().order, copy.bot_class().order)
        self.assertEqual(first.dumped(), copy.dumped())

    def test_names_of_classes_are_not_long(self):
        source = "class Base:\n    def on_init(self):\n        pass\nBot = type('B' * 201, (Base,), {})\n"
        with self.assertRaisesRegex(Rejected, "more than 200 characters"):
            Program("", source, None).bot_class()


if __name__ == "__main__":
    unittest.main()
