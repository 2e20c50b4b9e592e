"""Every example runs to its end against a relay of its own, its checks hold, and a replay of the log agrees."""

import subprocess
import sys
import unittest

import paths

EXAMPLES = paths.ROOT / "examples"


class ExamplesTest(unittest.TestCase):
    def example(self, path, *expected, checks):
        done = subprocess.run([sys.executable, EXAMPLES / path, "--bin-dir", str(paths.BIN_DIR)],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        told = " ".join(done.stdout.split())
        for text in expected:
            self.assertIn(text, told)
        self.assertEqual(done.stdout.count(" ✓ "), checks)
        self.assertIn("did again exactly what the log says", told)

    def test_blackjack(self):
        self.example("blackjack/play.py", "Randomness in the shuffle from: alice, bob", "the dealer played and paid by the rules",
                     "one card altered ✗", checks=5)

    def test_tic_tac_toe(self):
        self.example("tic_tac_toe/play.py", "Drawn with randomness from: alice, bob", "A draw.", checks=3)

    def test_memory(self):
        self.example("memory/exchange.py", "none of the words that were not for her", checks=2)

    def test_price(self):
        self.example("price/prices.py", "BTC: 114609.375 USD", "it is the same answer", checks=4)

    def test_tls(self):
        self.example("tls/cert.py", "NOT verified", "commonName=tls.example", checks=2)

    def test_contract(self):
        self.example("contract/agree.py", "deliver is fulfilled: the claim holds; nobody objected in time",
                     "breached: prompt and answer are in the log, the key is not", checks=3)

    def test_a_relay_that_runs_can_be_named(self):
        done = subprocess.run([sys.executable, EXAMPLES / "blackjack/play.py", "--relay", "http://127.0.0.1:9"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("one --token for each of alice, bob", done.stderr)
        self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
