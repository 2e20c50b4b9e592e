"""The sample hook, with which a worker prepares for its bot, runs to its end and leaves nothing behind."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from multiplayer import identity, modules  # noqa: E402
from multiplayer.testing import _InProcessWorker  # noqa: E402


class _Watched(_InProcessWorker):
    """Keeps the replies of hooks, which a warm-up does not return."""

    def _hook(self, call):
        self.hook_reply = super()._hook(call)
        return self.hook_reply


class SampleHook(unittest.TestCase):
    def test_it_runs_to_its_end_and_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as workspace:
            worker = _Watched(workspace, "")
            self.assertEqual(worker._call({"warm_up": {}}), {"warmed_up": {}})
        done = json.loads(worker.hook_reply)["done"]
        self.assertEqual(done["effects"], [{"post": {"kind": "bot", "body": {"text": "2 is it"}}}])
        self.assertEqual(json.loads(done["state"]), {"n": 2, "a": ["b"], "b": ["a"]})
        self.assertEqual(len(done["drawn"]), 1)
        self.assertEqual((modules._facades, identity._numbers, worker._program), ({}, {}, None))


if __name__ == "__main__":
    unittest.main()
