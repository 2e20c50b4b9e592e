"""The turns that presets offer: games of random moves, made only of the `actions` that the bots post."""

import pathlib
import random
import re
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
    def play(self, bot_class, players, seed, moves=MOVES, **params):
        """Plays until `game_end` or for as many moves as are allowed; returns the channel."""
        choices = random.Random(seed)
        channel = FakeChannel(bot_class, *"abcd"[:players], **params)
        channel.join(*[f"s{number}" for number in range(1, players + 1)])
        offer, checked, highest = None, 0, 0
        for _ in range(moves):
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
            seat, move = choices.choice(offer["turn"]), random_move(offer["actions"], choices)
            if offer.get("private"):
                channel.dm_effects(seat, **{"text": "", **move}, turn_id=offer["turn_id"])
            else:
                channel.post(seat, **move, turn_id=offer["turn_id"])
        return channel

    def test_random_games_of_guess_bot_end(self):
        for seed in range(GAMES):
            for players in (1, 2, 4):
                self.assertTrue(self.play(load("guess_bot").GuessBot, players, seed, range=[1, 30]).bodies("game_end"))

    def test_random_games_of_tic_tac_toe_end(self):
        for seed in range(GAMES):
            for first in ("join", "random"):
                self.assertTrue(self.play(load("tic_tac_toe_bot").TicTacToeBot, 3, seed, first=first).bodies("game_end"))

    def test_random_games_of_chess_end(self):
        few = "4k3/pp6/8/8/8/8/6PP/4K3 w - - 0 1"
        for params in ({}, {"fen": few, "base_seconds": 60}, {"fen": few, "first": "random"}):
            self.assertTrue(self.play(load("chess_bot").ChessBot, 3, 1, 1500, **params).bodies("game_end"))

    def test_random_games_of_connect_four_end(self):
        for seed in range(GAMES):
            first = ("join", "random")[seed % 2]
            self.assertTrue(self.play(load("connect_four_bot").ConnectFourBot, 3, seed, first=first).bodies("game_end"))

    def test_random_games_of_rock_paper_scissors_end(self):
        for seed in range(GAMES):
            params = {"rounds": 1 + 2 * (seed % 8), "replays": seed % 3}
            self.assertTrue(self.play(load("rock_paper_scissors_bot").RockPaperScissorsBot, 3, seed, **params).bodies("game_end"))

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

    def test_random_bargains_end(self):
        bargain_bot = load("bargain_bot").BargainBot
        issues = [{"name": "price", "max": 40, "step": 3}, {"name": "days", "min": -5, "max": 9, "high": "b"}]
        results = []
        for seed in range(GAMES):
            for players, unseal in ((2, "always"), (3, "never")):
                end = self.play(bargain_bot, players, seed, issues=issues, rounds=3, unseal=unseal).last("game_end")
                results.append((end["result"], end["round"]))
        self.assertEqual(set(results), {("DEAL", 1), ("DEAL", 2), ("DEAL", 3), ("UNRESOLVED", 3)})

    def test_random_auctions_end(self):
        auction_bot, reasons = load("auction_bot").AuctionBot, set()
        for seed in range(GAMES):
            for players, params in ((1, {}), (3, {"step": 7}), (4, {"seller": "b", "reserve": "sealed", "price": "first"})):
                reasons.add(self.play(auction_bot, players, seed, max_bid=20, **params).last("game_end")["reason"])
        self.assertEqual(reasons, {"sold", "reserve"})

    def test_other_actions_are_accepted_and_the_first_turn_has_a_board(self):
        presets = {"ChessBot": ["offer draw", "resign"], "ConnectFourBot": ["concede"], "TicTacToeBot": ["concede"],
                   "RockPaperScissorsBot": ["concede"], "AuctionBot": ["pass"], "TriviaBot": ["pass"], "BargainBot": []}
        params = {"TriviaBot": {"pack": [{"question": "How many are two?", "answers": ["2"], "choices": ["2", "3"]}]}}
        for name, expected in presets.items():
            module = load(re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower())
            for text in [*expected, None]:
                channel = FakeChannel(getattr(module, name), "a", "b", **params.get(name, {}))
                channel.join("s1", "s2")
                offer = [effect["body"] for effect in channel.log if effect["body"].get("turn")][-1]
                self.assertEqual(offer.get("other_actions", []), expected)
                self.assertTrue([effect for effect in channel.log if "board" in effect["body"]], f"{name}: pages show the first turn, too")
                if text:
                    send = channel.dm_effects if offer.get("private") else channel.post
                    answers = send("s1", text, turn_id=offer["turn_id"])
                    self.assertTrue(answers, text)
                    self.assertNotIn("violation", str(answers), text)


if __name__ == "__main__":
    unittest.main()
