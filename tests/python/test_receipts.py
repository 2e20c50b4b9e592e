"""Receipts that an earlier build made are verified, and replay without any difference.

`tests/receipts` contains one receipt for each preset, written by `examples/... --keep tests/receipts`, and by the demo's
players for GuessBot, whose second game ends when the channel is closed. SealedBidBot is the bot of docs/BOTS.md, in a channel
whose players accepted its terms: its DMs were unsealed, except for the last ones, and one of its hooks failed. Deletions
is the same bot: the operator deleted posts of players before the close and answers of the bot after it, and each player
deleted something of their own, of which one DM had been unsealed. They are
recorded again only if the format of the log changes: otherwise a build that judges them differently has changed a rule, or
the behaviour of bots.
"""

import random
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import paths
from forging import lines, read, seal
from relay import program

RECEIPTS = sorted((paths.ROOT / "tests/receipts").glob("*.jsonl"))
PRESETS = re.findall(r'name: "(\w+Bot)"', (paths.ROOT / "bots/supervisor/src/preset.rs").read_text())


def replay(file, *options):
    done = subprocess.run([program(paths.BIN_DIR, "mcp-multiplayer-bot"), "replay", *options, file],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


class KeptReceiptsTest(unittest.TestCase):
    def test_every_preset_has_a_receipt(self):
        self.assertEqual({path.name.split("-")[0] for path in RECEIPTS}, {*PRESETS, "SealedBidBot", "Deletions"})

    def test_each_receipt_replays_in_one_process_and_in_a_new_one_per_hook(self):
        for path in RECEIPTS:
            for options in ((), ("--fresh",)):
                with self.subTest(path.name, options=options):
                    code, text = replay(path, *options)
                    # Exit code 3: something can't be verified, because this machine has another Python or a secret is sealed.
                    self.assertIn(code, (0, 3), text)
                    if "Python" not in text:
                        self.assertRegex(text, r"[1-9]\d* hooks? reproduced the log exactly")
                    if code == 3:
                        self.assertRegex(text, "with Python|sealed secret|leaves out the body")

    def test_each_receipt_is_verified(self):
        for path in RECEIPTS:
            with self.subTest(path.name):
                code, text = verify(path)
                self.assertEqual(code, 0, text)
                self.assertRegex(text, r"signed exactly these \d+ entries")
                self.assertIn("Fails\n  nothing\n", text)

    def test_one_altered_byte_is_refused(self):
        path = next(path for path in RECEIPTS if path.name.startswith("TicTacToeBot"))
        genuine = path.read_bytes()
        random_places = random.Random(1)
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "altered.jsonl"
            for place in random_places.sample(range(len(genuine) - 1), 200):
                altered = bytearray(genuine)
                altered[place] ^= 1
                file.write_bytes(altered)
                code, text = verify(file)
                # Nobody signs the header, which says for whom the file was made.
                if code == 0:
                    self.assertLess(place, genuine.index(b"\n"), text)

    def test_another_key_a_cut_and_another_post_are_refused(self):
        path = next(path for path in RECEIPTS if path.name.startswith("TicTacToeBot"))
        code, text = verify(path, "--key", "ed25519:" + "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        self.assertEqual(code, 1, text)
        self.assertIn("not the one that you know", text)
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "altered.jsonl"
            file.write_text("".join(path.read_text().splitlines(keepends=True)[:10]))
            code, text = verify(file)
            self.assertEqual(code, 1, text)
            self.assertIn("The file is cut off after entry 9", text)
            receipt = read(path)
            entry = next(each for each in receipt["entries"] if each["content"]["body"].get("type") == "placed")
            entry["content"]["body"]["cell"] = 10
            file.write_text(lines(receipt))
            code, text = verify(file)
            self.assertEqual(code, 1, text)
            self.assertIn("its body does not match the hash in the log", text)
            # With a forged hash the entry is consistent again, but it is not what the relay signed.
            seal(receipt)
            file.write_text(lines(receipt))
            code, text = verify(file)
            self.assertEqual(code, 1, text)
            self.assertIn("these are not the entries that the relay signed", text)
            # Even if the relay had signed it: the replayed referee posts something else.
            code, text = replay(file)
        if "with Python" not in text:
            self.assertEqual(code, 1, text)
            self.assertIn("DIFFERENT", text)
            self.assertIn('"cell":10', text)


def verify(file, *options):
    done = subprocess.run([program(paths.BIN_DIR, "mcp-multiplayer"), "verify", *options, file],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    unittest.main()
