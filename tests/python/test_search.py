"""The search strategies of the demo find every number in as few guesses as binary search needs."""

import unittest

import paths  # noqa: F401  (makes examples/demo importable)
from search import HINTS, Search


class FakePlayer:
    """A player with the judgements that GuessBot would post."""

    def __init__(self, low, high):
        self.messages = {"prompt": [{"body": {"range": [low, high]}}], "judge": []}

    def referee_posts(self, kind):
        return self.messages[kind]

    def judge(self, guess, target):
        low, high = self.messages["prompt"][0]["body"]["range"]
        percent = abs(guess - target) * 100 / (high - low + 1)
        hint = next(name for name, (above, up_to) in HINTS.items() if above < percent <= up_to)
        self.messages["judge"].append({"body": {"guess": guess, "hint": hint,
                                                "result": "high" if guess > target else "low"}})


class SearchTest(unittest.TestCase):
    def test_every_number_is_found_within_the_limit(self):
        for low, high, most in [(1, 100, 7), (1, 2, 2), (-5, 7, 4), (0, 999, 10)]:
            for reads_hints in (False, True):
                for target in range(low, high + 1):
                    with self.subTest(low=low, high=high, reads_hints=reads_hints, target=target):
                        self.assertLessEqual(self.guesses(low, high, target, reads_hints), most)

    def guesses(self, low, high, target, reads_hints):
        player, search, count = FakePlayer(low, high), Search(reads_hints), 0
        while True:
            guess, count = search.choose(player), count + 1
            if guess == target:
                return count
            self.assertTrue(low <= guess <= high)
            player.judge(guess, target)


if __name__ == "__main__":
    unittest.main()
