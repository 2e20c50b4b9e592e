"""Every example succeeds against its own relay, its checks pass, and the log replays without differences."""

import subprocess
import sys
import unittest

import paths

EXAMPLES = paths.ROOT / "examples"


class ExamplesTest(unittest.TestCase):
    def assert_example_runs(self, path, *expected, checks):
        done = subprocess.run([sys.executable, EXAMPLES / path, "--bin-dir", str(paths.BIN_DIR)],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        output = " ".join(done.stdout.split())
        for text in expected:
            self.assertIn(text, output)
        self.assertEqual(done.stdout.count(" ✓ "), checks)
        self.assertIn("reproduced the log exactly", output)

    def test_blackjack_is_verified(self):
        self.assert_example_runs("blackjack/play.py", "Randomness in the shuffle from: alice, bob", "the dealer played and paid by the rules",
                                 "one card altered ✗", checks=5)

    def test_tic_tac_toe_is_a_draw(self):
        self.assert_example_runs("tic_tac_toe/play.py", "Drawn with randomness from: alice, bob", "A draw.", checks=3)

    def test_chess_is_verified(self):
        self.assert_example_runs("chess/play.py", "Drawn with randomness from: alice, bob", "Checkmate.", "one altered ✗", checks=3)

    def test_connect_four_is_verified(self):
        self.assert_example_runs("connect_four/play.py", "Drawn with randomness from: alice, bob", "moves, all legal", checks=3)

    def test_rock_paper_scissors_is_verified(self):
        self.assert_example_runs("rock_paper_scissors/play.py", "all as they were sent", "the messages are open now", checks=3)

    def test_bargain_is_verified(self):
        self.assert_example_runs("bargain/play.py", "recomputed both rounds from the opened limits", "can prove its own limits", checks=6)

    def test_auction_is_verified(self):
        self.assert_example_runs("auction/play.py", "all bids fit their commitments", "one bid altered ✗", checks=4)

    def test_memory_stays_private(self):
        self.assert_example_runs("memory/exchange.py", "nothing that was not meant for her", checks=2)

    def test_trivia_is_verified(self):
        self.assert_example_runs("trivia/play.py", "carol has sent me the pack", "the pack, every commitment and the points are right",
                                 "alice wins. Points: alice 4, bob 3.", checks=3)

    def test_price_is_the_same_for_both(self):
        self.assert_example_runs("price/prices.py", "BTC: 114609.375 USD", "gets the same response", checks=4)

    def test_tls_certificate_matches_the_file(self):
        self.assert_example_runs("tls/cert.py", "NOT verified", "commonName=tls.example", checks=2)

    def test_contract_is_settled_by_rules_and_by_a_model(self):
        self.assert_example_runs("contract/agree.py", "deliver is fulfilled: the claim is valid; nobody objected in time",
                                 "breached: prompt and answer are in the log, the key is not", checks=3)

    def test_a_running_relay_needs_a_token_for_each_player(self):
        done = subprocess.run([sys.executable, EXAMPLES / "blackjack/play.py", "--relay", "http://127.0.0.1:9"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("one --token for each player: alice, bob", done.stderr)
        self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
