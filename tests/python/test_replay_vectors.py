"""The receipts in tests/vectors/replay pass `verify`, and a replay says of each what the index says."""

import json
import subprocess
import unittest

import paths
from relay import program

DIRECTORY = paths.ROOT / "tests/vectors/replay"
INDEX = json.loads((DIRECTORY / "index.json").read_text())["receipts"]
EXIT_CODES = {"identical": 0, "differs": 1, "unknown": 3}


def run(name, *arguments):
    done = subprocess.run([program(paths.BIN_DIR, name), *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


class ReplayVectorsTest(unittest.TestCase):
    def test_the_index_lists_all_files(self):
        self.assertEqual({each["file"] for each in INDEX}, {path.name for path in DIRECTORY.glob("*.jsonl")})
        for verdict in EXIT_CODES:
            self.assertGreater(sum(each["replay"] == verdict for each in INDEX), 3, verdict)

    def test_no_log_breaks_a_rule(self):
        for vector in INDEX:
            with self.subTest(vector["file"]):
                code, text, errors = run("mcp-multiplayer", "verify", DIRECTORY / vector["file"])
                self.assertEqual(code, 0, text + errors)
                self.assertIn("Fails\n  nothing\n", text)
                self.assertRegex(text, r"signed exactly these \d+ entries")

    def test_a_replay_says_what_the_index_says(self):
        for vector in INDEX:
            with self.subTest(vector["file"]):
                code, text, errors = run("mcp-multiplayer-bot", "replay", "--json", DIRECTORY / vector["file"])
                self.assertEqual(errors, "")
                bots = json.loads(text)["bots"].values()
                if self.is_of_another_runtime(vector, bots):
                    continue  # This machine has another Python than the one that made the receipts.
                self.assertEqual(code, EXIT_CODES[vector["replay"]], text)
                differences = [each["trigger"] for bot in bots for each in bot["differences"]]
                unknown = [number for bot in bots for number in (*bot["assumed"], *(each["trigger"] for each in bot["unknown"]))]
                expected = {"identical": ([], []), "differs": (vector["entries"], []), "unknown": ([], vector["entries"])}
                self.assertEqual((differences, unknown), expected[vector["replay"]], text)

    def is_of_another_runtime(self, vector, bots):
        unknown = [each["reason"] for bot in bots for each in bot["unknown"]]
        return any("this machine has" in reason or "no sandbox" in reason for reason in unknown) and "other-runtime" not in vector["file"]


if __name__ == "__main__":
    unittest.main()
