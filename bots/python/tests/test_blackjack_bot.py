"""The rules of BlackjackBot, as plain Python, with shoes that the tests stack."""

import hashlib
import json
import pathlib
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from table import Table, load, types  # noqa: E402

blackjack = load("blackjack_bot")
DECK = sorted(rank + suit for rank in blackjack.RANKS for suit in blackjack.SUITS)


class Stacked(blackjack.BlackjackBot):
    """Deals the cards of `first` before all others; the shuffle itself is tried elsewhere."""

    first = ()

    def deal(self):
        commit = self.ctx.commit

        def commit_stacked(value):
            if len(value) > 2:  # the shoe, not the hole card
                rest = list(value)
                for card in self.first:
                    rest.remove(card)
                value[:] = [*self.first, *rest]
            return commit(value)

        with mock.patch.object(self.ctx, "commit", commit_stacked):
            super().deal()


def dealt(*cards, players=1, chips=1000, **params):
    """A table where a round with these first cards has begun, everybody betting 50."""
    bot = type("BlackjackBot", (Stacked,), {"first": cards})
    table = Table(bot, *[f"p{n}" for n in range(1, players + 1)], **dict({"chips": chips}, **params))
    table.join(*[f"s{n}" for n in range(1, players + 1)])
    for n in range(1, players + 1):
        table.say(f"s{n}", "bet 50")
    return table


def outcome(table):
    return [(r["outcome"], r["net"]) for r in table.last("round_end")["results"]]


class Proof(unittest.TestCase):
    def table(self, **params):
        table = Table(blackjack.BlackjackBot, "alice", "bob", **params)
        table.join("s1", "s2")
        return table

    def play(self, table):
        table.say("s1", "bet 50")
        table.say("s2", bet=20)
        while table.state["phase"] == "playing":
            hand = table.state["hands"][table.state["turn"]]
            table.say(hand["player"], "stand")

    def test_the_shoe_is_committed_before_the_deal_and_opened_after(self):
        table = self.table()
        self.play(table)
        kinds = types([effect["body"] for effect in table.log])
        self.assertLess(kinds.index("round_start"), kinds.index("dealt"))
        opened = table.last("shoe_opened")
        text = json.dumps(opened["shoe"], separators=(",", ":"))
        digest = "sha256:" + hashlib.sha256(f"{text}|{opened['salt']}".encode()).hexdigest()
        self.assertEqual(digest, table.last("round_start")["commitment"])
        self.assertEqual(sorted(opened["shoe"]), sorted(DECK * 2))
        hole = table.last("dealer")["hole"]
        self.assertEqual("sha256:" + hashlib.sha256(f"{hole['text']}|{hole['salt']}".encode()).hexdigest(),
                         table.last("dealt")["dealer"]["hole_commitment"])
        self.assertEqual(json.loads(hole["text"]), list(table.last("dealer")["cards"][1].values()))

    def test_nothing_tells_the_hole_card_or_the_shoe_before(self):
        table = dealt("10S", "9H", "10D", "7C")
        for text in ("!status", "!help", "hit", "what is the hole card?"):
            table.say("s1", text) if text != "hit" else None
            table.dm("s1", text)
        told = json.dumps(table.log)
        self.assertNotIn("7C", told)
        self.assertNotIn("7\\u2663", told)
        self.assertEqual(table.state["dealer"], [1, 3])
        self.assertNotIn(table.kept["commitments"]["c1"]["salt"], told)
        self.assertNotIn(table.kept["commitments"]["c2"]["salt"], told)

    def test_every_round_is_shuffled_anew_and_everything_secret_is_forgotten(self):
        table = self.table()
        for _ in range(20):
            self.play(table)
            self.assertEqual((table.state["shoe"], table.kept["commitments"]), ([], {}))
        self.assertEqual(len({json.dumps(opened["shoe"]) for opened in table.events("shoe_opened")}), 20)
        self.assertEqual([start["round"] for start in table.events("round_start")], list(range(1, 21)))

    def test_the_start_names_whose_entropy_is_in_it(self):
        table = Table(blackjack.BlackjackBot, "alice", "bob", contributors=["s2"])
        table.join("s1", "s2")
        self.play(table)
        start = table.last("round_start")
        self.assertEqual(start["entropy_from"], ["s2"])
        self.assertIn("Randomness in the shuffle from: bob", start["text"])
        self.assertIsNone(table.kept["stream"], "the seed is revealed after the round")

    def test_one_deck_is_enough_for_five_who_split(self):
        table = Table(blackjack.BlackjackBot, *"abcdef", decks=1)
        table.join("s1", "s2", "s3", "s4", "s5", "s6")
        for n in range(1, 6):
            said = table.say(f"s{n}", "bet 10")
        self.assertIn("round_start", types(said), "five places are five")
        self.assertEqual(table.say("s6", "bet 10")[0]["reason"], "ROUND_RUNS")


class Dealing(unittest.TestCase):
    def test_order_of_the_deal(self):
        table = dealt("2S", "3S", "4S", "5S", "6S", "7S", players=2)
        hands = [[card["card"] for card in hand["cards"]] for hand in table.last("dealt")["hands"]]
        self.assertEqual(hands, [["2S", "5S"], ["3S", "6S"]])
        self.assertEqual(table.last("dealt")["dealer"]["up"], [{"place": 2, "card": "4S"}])
        self.assertEqual(table.last("turn")["player"], "s1")

    def test_cards_count_what_they_count(self):
        for cards, expected in ((["AS", "KS"], (21, True)), (["AS", "AD"], (12, True)), (["AS", "9D", "5C"], (15, False)),
                                (["10S", "JD"], (20, False)), (["AS", "AD", "9C"], (21, True)), (["6S", "AD"], (17, True)),
                                (["KS", "QD", "5H"], (25, False))):
            self.assertEqual(blackjack.total(cards), expected)

    def test_blackjack_pays_three_to_two(self):
        table = dealt("AS", "9H", "KS", "8H")
        self.assertEqual(outcome(table), [("blackjack", 75)])
        self.assertEqual(table.state["chips"], {"s1": 1075})
        self.assertEqual(len(table.last("dealer")["cards"]), 2, "nobody is left to draw against")

    def test_the_dealers_blackjack_ends_the_round_at_once(self):
        for cards in (("10S", "AH", "9S", "KH"), ("10S", "KH", "9S", "AH")):
            table = dealt(*cards)
            self.assertEqual(outcome(table), [("loses", -50)])
        self.assertEqual(outcome(dealt("AS", "AH", "KS", "KH")), [("push", 0)])

    def test_21_of_three_cards_loses_to_blackjack_but_beats_20(self):
        table = dealt("5S", "9H", "6S", "KH", "10D")
        table.say("s1", "hit")
        self.assertEqual(outcome(table), [("wins", 50)])

    def test_soft_17(self):
        for hit, cards in ((False, 2), (True, 3)):
            table = dealt("10S", "6H", "9S", "AH", "2D", hit_soft_17=hit)
            table.say("s1", "stand")
            self.assertEqual(len(table.last("dealer")["cards"]), cards)

    def test_the_dealer_draws_to_16_and_may_bust(self):
        table = dealt("10S", "10H", "2S", "6H", "10D")
        table.say("s1", "stand")
        self.assertEqual((table.last("dealer")["total"], outcome(table)), (26, [("wins", 50)]))


class Moves(unittest.TestCase):
    def test_hit_and_bust(self):
        table = dealt("10S", "9H", "6S", "8H", "KD")
        said = table.say("s1", "hit me!")
        self.assertEqual(types(said), ["played", "dealer", "round_end", "shoe_opened"])
        self.assertEqual(outcome(table), [("bust", -50)])
        self.assertEqual(table.state["chips"]["s1"], 950)

    def test_double(self):
        table = dealt("6S", "9H", "5S", "8H", "10D")
        table.say("s1", "double down")
        self.assertEqual(outcome(table), [("wins", 100)])
        table = dealt("6S", "9H", "5S", "8H", "2D")
        table.say("s1", "hit")
        self.assertEqual(table.say("s1", "double")[0]["reason"], "BAD_MOVE")

    def test_double_takes_chips(self):
        table = dealt("6S", "9H", "5S", "8H", chips=60)
        self.assertEqual([table.say("s1", move)[0]["reason"] for move in ("double", "split")], ["NO_CHIPS"] * 2)

    def test_split(self):
        table = dealt("8S", "9H", "8D", "8H", "3S", "10C", "10D")
        said = table.say("s1", type="move", action="split")
        self.assertEqual(types(said), ["played", "turn"])
        self.assertEqual([hand["total"] for hand in said[0]["hands"]], [11, 18])
        table.say("s1", "double")
        self.assertEqual(table.last("turn")["hand"]["total"], 18)
        table.say("s1", "stand")
        self.assertEqual(outcome(table), [("wins", 100), ("wins", 50)])
        self.assertEqual(table.state["chips"]["s1"], 1150)

    def test_split_once_and_one_rank_only(self):
        table = dealt("8S", "9H", "8D", "8H", "8C", "2C")
        table.say("s1", "split")
        self.assertEqual(table.say("s1", "split")[0]["reason"], "BAD_MOVE")
        table = dealt("KS", "9H", "QD", "8H")
        self.assertEqual(table.say("s1", "split")[0]["reason"], "BAD_MOVE")

    def test_split_aces_get_one_card_each_and_no_blackjack(self):
        table = dealt("AS", "9H", "AD", "8H", "KS", "5C")
        table.say("s1", "split")
        self.assertEqual(outcome(table), [("wins", 50), ("loses", -50)])

    def test_in_turns(self):
        table = dealt("2S", "3S", "9H", "5S", "6S", "8H", players=2)
        self.assertEqual(table.say("s2", "hit")[0]["reason"], "BAD_TURN")
        self.assertEqual(table.say("s1", "stand")[-1]["player"], "s2")
        self.assertEqual(table.say("s1", "hit")[0]["reason"], "BAD_TURN")

    def test_talk_is_free_and_other_bots_do_not_play(self):
        table = dealt("2S", "9H", "5S", "8H")
        for text in ("hello", "should I hit or stand?", "I bet 50 that you lose", "doubles", "", "all in", "better 50"):
            with self.subTest(text):
                self.assertEqual(table.say("s1", text), [])
        self.assertEqual(table.say("bot:bot_other", "hit"), [])
        self.assertEqual(table.say("s1", "hit", kind="aside"), [])
        for odd in ({"type": "move"}, {"type": "move", "action": ["hit"]}, {"type": "move", "action": "go_on"}, {"type": 7}):
            self.assertEqual(table.say("s1", **odd), [])
        self.assertEqual(table.hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])


class Bets(unittest.TestCase):
    def setUp(self):
        self.table = Table(blackjack.BlackjackBot, "alice", "bob", "carol", chips=100)
        self.table.join("s1", "s2", "s3")

    def test_unfit_bets(self):
        for value in (0, 9, 11, 51, -50, 502, "50", 50.0, True, None, [50]):
            with self.subTest(value):
                self.assertEqual(self.table.say("s1", bet=value)[0]["reason"], "BAD_BET")
        self.assertEqual(self.table.say("s1", "bet 102")[0]["reason"], "NO_CHIPS")
        self.assertEqual(self.table.say("s1", "bet")[0]["reason"], "BAD_BET")
        self.assertEqual(self.table.say("s1", "hit")[0]["reason"], "NO_ROUND")

    def test_the_deal_comes_when_all_have_bet_or_one_says_so(self):
        self.assertEqual(self.table.say("s2", "deal")[0]["reason"], "NO_BET")
        self.assertEqual(self.table.say("s1", "bet 10")[0]["waiting_for"], ["s2", "s3"])
        self.table.say("s1", "I bet 20 chips!")
        self.assertEqual(self.table.say("s1", "deal")[0]["players"], ["s1"])
        self.assertEqual(self.table.last("dealt")["hands"][0]["bet"], 20)

    def test_broke_players_start_again(self):
        self.assertEqual(self.table.say("s1", "rebuy")[0]["reason"], "BAD_MOVE")
        self.table.state = dict(self.table.state, chips=self.table.state["chips"] | {"s1": 8})
        self.assertEqual(self.table.say("s1", "rebuy")[0]["chips"], 100)

    def test_params(self):
        for params, word in (({"deck": 1}, "no parameter 'deck'"), ({"decks": 0}, "'decks'"), ({"decks": 9}, "'decks'"),
                             ({"hit_soft_17": 1}, "'hit_soft_17'"), ({"min_bet": 0}, "'min_bet'"),
                             ({"max_bet": 5}, "'min_bet'"), ({"chips": "9"}, "'min_bet'"), ({"turn_seconds": 0}, "seconds")):
            with self.subTest(params), self.assertRaisesRegex(ValueError, word):
                Table(blackjack.BlackjackBot, "alice", **params)
        rules = Table(blackjack.BlackjackBot, "alice", hit_soft_17=True).last("rules")
        self.assertIn("H17", rules["text"])
        self.assertEqual(rules["rules"]["blackjack_pays"], "3:2")


class Leaving(unittest.TestCase):
    def test_open_hands_stand_and_the_rest_goes_on(self):
        table = dealt("2S", "3S", "9H", "5S", "6S", "8H", players=2)
        self.assertEqual(types(table.leave("s1")), ["player_left", "turn"])
        table.join("s1")
        self.assertEqual(table.say("s1", "hit")[0]["reason"], "BAD_TURN")
        table.say("s2", "stand")
        self.assertEqual(table.state["chips"]["s1"], 1000, "a new holder starts with new chips")

    def test_the_last_one_leaves(self):
        table = dealt("2S", "9H", "5S", "8H")
        self.assertEqual(types(table.leave("s1")), ["player_left", "dealer", "round_end", "shoe_opened"])
        self.assertEqual(table.hook("on_leave", "s1"), [])

    def test_who_leaves_takes_the_bet_back_before_the_deal(self):
        table = Table(blackjack.BlackjackBot, "alice", "bob")
        table.join("s1", "s2")
        table.say("s1", "bet 10")
        self.assertIn("round_start", types(table.leave("s2")), "the others have all bet")

    def test_joining_twice_changes_nothing(self):
        table = dealt("2S", "9H", "5S", "8H")
        self.assertEqual(table.join("s1"), [])


class Clock(unittest.TestCase):
    def test_a_turn_that_takes_too_long_is_a_stand(self):
        table = dealt("2S", "3S", "9H", "5S", "6S", "8H", players=2, turn_seconds=30)
        self.assertEqual(table.wait(29), [])
        self.assertEqual(types(table.wait(1)), ["time_up", "turn"])
        self.assertEqual(table.last("turn")["player"], "s2")
        table.say("s2", "stand")
        self.assertEqual(table.timers, {})

    def test_a_timer_of_a_turn_that_is_over_does_nothing(self):
        table = dealt("2S", "3S", "9H", "5S", "6S", "8H", players=2, turn_seconds=30)
        table.wait(20)
        table.say("s1", "stand")
        self.assertEqual(table.hook("on_timer", "turn"), [])
        self.assertEqual(table.last("turn")["player"], "s2")


if __name__ == "__main__":
    unittest.main()
