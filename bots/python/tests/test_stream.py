"""The keystream is the one that docs/PROTOCOL.md describes."""

import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from multiplayer.stream import Stream  # noqa: E402

VECTORS = pathlib.Path(__file__).parents[3] / "protocol/tests/vectors/constructions.json"


class KeystreamTest(unittest.TestCase):
    def test_its_bytes_are_those_of_the_golden_vectors(self):
        vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["constructions"]
        vector = next(vector for vector in vectors if vector["name"] == "keystream")
        settings = {"epoch": 0, "open": False, "starting": False, "last": False, "position": 0}
        stream = Stream(settings | {"key": vector["input"]["key"], "next_key": None})
        self.assertEqual((stream.take(40) + stream.take(24)).hex(), vector["right"])
        self.assertEqual(stream.close(), [{"epoch": 0, "open": False, "from": 0, "to": 64}])


if __name__ == "__main__":
    unittest.main()
