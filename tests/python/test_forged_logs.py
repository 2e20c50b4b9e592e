"""No forged log replays as if it were genuine, however well its ids and hashes fit."""

import subprocess
import tempfile
import unittest
from pathlib import Path

import paths
from forged_logs import FORGERIES, forge
from forging import Log, lines, read, seal
from relay import program

RECEIPTS = sorted((paths.ROOT / "tests/receipts").glob("*.jsonl"))


def replay(receipt, directory):
    file = Path(directory) / "receipt.jsonl"
    file.write_text(lines(receipt))
    done = subprocess.run([program(paths.BIN_DIR, "mcp-multiplayer-bot"), "replay", file], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def is_beginning(receipt, of):
    """Returns whether a receipt is the beginning of the other one, which no replay can tell from one that was made earlier."""
    return receipt == of | {"entries": of["entries"][:len(receipt["entries"])]}


class ForgedLogsTest(unittest.TestCase):
    def test_every_forgery_is_found(self):
        found = {function.__name__: {} for function in FORGERIES}
        with tempfile.TemporaryDirectory() as directory:
            for path in RECEIPTS:
                receipt = read(path)
                code, text = replay(receipt, directory)
                if code != 0:
                    continue  # A genuine log that cannot be checked to its end here, because of a secret for example.
                code, text = replay(seal(Log(receipt).receipt), directory)
                self.assertEqual(code, 0, f"{path.name}, sealed again: {text}")
                for function in FORGERIES:
                    forged = forge(function, receipt)
                    if forged is None or is_beginning(forged, receipt):
                        continue
                    code, text = replay(forged, directory)
                    found[function.__name__][path.name] = code
                    self.assertNotEqual(code, 0, f"{path.name}, {function.__name__}:\n{text}")
        if any(found.values()):
            self.assertEqual([name for name, channels in found.items() if not channels], [], "each applies to a channel")


if __name__ == "__main__":
    unittest.main()
