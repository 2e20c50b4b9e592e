"""Channels that an earlier build exported replay without any difference.

`tests/exports` contains one channel for each preset, written by `examples/... --keep tests/exports`, and by the demo's
players for GuessBot, whose second game ends when the channel is closed. They are recorded again only if the format of the
log changes: otherwise a build that replays them differently has changed the behaviour of bots.
"""

import copy
import hashlib
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import paths
from relay import program

EXPORTS = sorted((paths.ROOT / "tests/exports").glob("*.json"))
PRESETS = re.findall(r'name: "(\w+Bot)"', (paths.ROOT / "bots/supervisor/src/preset.rs").read_text())


def replay(file, *options):
    done = subprocess.run([program(paths.BIN_DIR, "mcp-multiplayer-bot"), "replay", *options, file],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


class KeptExportsTest(unittest.TestCase):
    def test_every_preset_has_an_export(self):
        self.assertEqual({path.name.split("-")[0] for path in EXPORTS}, set(PRESETS))

    def test_each_export_replays_in_one_process_and_in_a_new_one_per_hook(self):
        for path in EXPORTS:
            for options in ((), ("--fresh",)):
                with self.subTest(path.name, options=options):
                    code, text = replay(path, *options)
                    # Exit code 3: something can't be verified, because this machine has another Python or a secret is sealed.
                    self.assertIn(code, (0, 3), text)
                    if "Python" not in text:
                        self.assertRegex(text, r"[1-9]\d* hooks? reproduced the log exactly")
                    if code == 3:
                        self.assertRegex(text, "with Python|sealed secret")

    def test_an_altered_post_is_detected(self):
        export = json.loads(next(path for path in EXPORTS if path.name.startswith("TicTacToeBot")).read_text())
        forged = copy.deepcopy(export)
        entry = next(each for each in forged["entries"] if each["content"]["body"].get("type") == "placed")
        entry["content"]["body"]["cell"] = 10
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "forged.json"
            file.write_text(json.dumps(forged))
            code, text = replay(file)
            self.assertEqual(code, 2, text)
            self.assertIn("its body does not match the hash in the log", text)
            # With a forged hash the entry is consistent again, but the replayed referee posts something else.
            entry["envelope"]["body_hash"] = body_hash(entry["content"])
            file.write_text(json.dumps(forged))
            code, text = replay(file)
        if "with Python" not in text:
            self.assertEqual(code, 1, text)
            self.assertIn("DIFFERENT", text)
            self.assertIn('"cell":10', text)


def body_hash(content):
    """Computes SHA-256("mcp-multiplayer/body/v2" ‖ 0x00 ‖ salt ‖ canonical JSON of the body)."""
    text = json.dumps(content["body"], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    preimage = b"mcp-multiplayer/body/v2\0" + bytes.fromhex(content["salt"]) + text.encode()
    return "sha256:" + hashlib.sha256(preimage).hexdigest()


if __name__ == "__main__":
    unittest.main()
