"""The turns that presets offer: games of random moves, made only of the `actions` that the bots post."""

import pathlib
import random
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load  # noqa: E402

GAMES, MOVES = 25, 400


def random_move(actions, choices):
    """Returns a text or data that `actions` offers: texts, or a JSON Schema of an object of integers."""
    if isinstance(actions, list):
        return {"text": choices.choice(actions)}
    assert actions["type"] == "object"
    return {name: choices.randint(each["minimum"], each["maximum"]) for name, each in actions["properties"].items()}


class Offers(unittest.TestCase):
    def play(self, bot_class, players, seed, **params):
        """Plays until `game_end` or for as many moves as are allowed; returns the channel."""
        choices = random.Random(seed)
        channel = FakeChannel(bot_class, *"abcd"[:players], **params)
        channel.join(*[f"s{number}" for number in range(1, players + 1)])
        offer, checked, highest = None, 0, 0
        for _ in range(MOVES):
            for body in (effect["body"] for effect in channel.log[checked:]):
                if body["type"] == "violation":
                    self.assertIn("rebuy", offer["actions"], f"{body['text']} after the offer {offer}")
                if "turn" in body:
                    offer = body
                if body["type"] == "game_end":
                    self.assertEqual(body["turn"], [])
                    return channel
                if "turn_id" in body and "turn" in body:
                    self.assertIn(body["turn_id"], (highest, highest + 1))
                    highest = body["turn_id"]
            checked = len(channel.log)
            self.assertTrue(offer["turn"] and offer["actions"], "somebody is asked")
            send = channel.dm_effects if offer.get("private") else channel.post
            send(choices.choice(offer["turn"]), **random_move(offer["actions"], choices), turn_id=offer["turn_id"])
        return channel

    def test_random_games_of_guess_bot_end(self):
        for seed in range(GAMES):
            for players in (1, 2, 4):
                self.assertTrue(self.play(load("guess_bot").GuessBot, players, seed, range=[1, 30]).bodies("game_end"))

    def test_random_games_of_tic_tac_toe_end(self):
        for seed in range(GAMES):
            for first in ("join", "random"):
                self.assertTrue(self.play(load("tic_tac_toe_bot").TicTacToeBot, 3, seed, first=first).bodies("game_end"))

    def test_random_games_of_trivia_end(self):
        for seed in range(GAMES // 5):
            for players in (1, 2, 4):
                for scoring in ("all", "first"):
                    self.assertTrue(self.play(load("trivia_bot").TriviaBot, players, seed, scoring=scoring).bodies("game_end"))

    def test_random_rounds_of_blackjack_go_on(self):
        for players in (1, 2, 4):
            channel = self.play(load("blackjack_bot").BlackjackBot, players, players, chips=50, min_bet=9)
            self.assertGreater(len(channel.bodies("round_end")), 10)
            self.assertTrue(channel.bodies("rebuy"), "who has too few chips can go on")


if __name__ == "__main__":
    unittest.main()
