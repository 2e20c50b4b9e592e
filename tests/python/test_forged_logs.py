"""No forged log replays as if it were genuine, however well its ids and hashes fit."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

import paths
from forged_logs import FORGERIES, Log, forge, seal
from relay import program

EXPORTS = sorted((paths.ROOT / "tests/exports").glob("*.json"))


def replay(export, directory):
    file = Path(directory) / "export.json"
    file.write_text(json.dumps(export))
    done = subprocess.run([program(paths.BIN_DIR, "mcp-multiplayer-bot"), "replay", file], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def is_beginning(export, of):
    """Returns whether an export is the beginning of the other one, which no replay can tell from one that was made earlier."""
    return export == of | {"entries": of["entries"][:len(export["entries"])]}


class ForgedLogsTest(unittest.TestCase):
    def test_every_forgery_is_found(self):
        found = {function.__name__: {} for function in FORGERIES}
        with tempfile.TemporaryDirectory() as directory:
            for path in EXPORTS:
                export = json.loads(path.read_text())
                code, text = replay(export, directory)
                if code != 0:
                    continue  # A genuine log that cannot be checked to its end here, because of a secret for example.
                code, text = replay(seal(Log(export).export), directory)
                self.assertEqual(code, 0, f"{path.name}, sealed again: {text}")
                for function in FORGERIES:
                    forged = forge(function, export)
                    if forged is None or is_beginning(forged, export):
                        continue
                    code, text = replay(forged, directory)
                    found[function.__name__][path.name] = code
                    self.assertNotEqual(code, 0, f"{path.name}, {function.__name__}:\n{text}")
        if any(found.values()):
            self.assertEqual([name for name, channels in found.items() if not channels], [], "each applies to a channel")


if __name__ == "__main__":
    unittest.main()
