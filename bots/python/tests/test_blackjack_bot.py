"""The rules of BlackjackBot, run as plain Python, with stacked shoes."""

import hashlib
import json
import pathlib
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import Context, FakeChannel, load, types  # noqa: E402

blackjack = load("blackjack_bot")
DECK = sorted(rank + suit for rank in blackjack.RANKS for suit in blackjack.SUITS)


class Stacked(blackjack.BlackjackBot):
    """Moves the cards in `first` to the front of the shoe. Other tests cover the shuffle itself."""

    first = ()

    def deal(self, contributors, missing):
        commit = self.ctx.commit

        def commit_stacked(value):
            if len(value) > 2:  # the shoe, not the hole card
                rest = list(value)
                for card in self.first:
                    rest.remove(card)
                value[:] = [*self.first, *rest]
            return commit(value)

        with mock.patch.object(self.ctx, "commit", commit_stacked):
            super().deal(contributors, missing)


def channel_with_cards(*cards, players=1, chips=1000, **params):
    """A channel in which all players have bet 50 and a round with these first cards has begun."""
    bot = type("BlackjackBot", (Stacked,), {"first": cards})
    channel = FakeChannel(bot, *[f"p{n}" for n in range(1, players + 1)], **dict({"chips": chips}, **params))
    channel.join(*[f"s{n}" for n in range(1, players + 1)])
    for n in range(1, players + 1):
        channel.post(f"s{n}", "bet 50")
    return channel


def fake_context(channel):
    return Context(channel.persisted, channel.slots)


def outcome(channel):
    return [(r["outcome"], r["net"]) for r in channel.last("round_end")["results"]]


class Proof(unittest.TestCase):
    def channel(self, **params):
        channel = FakeChannel(blackjack.BlackjackBot, "alice", "bob", **params)
        channel.join("s1", "s2")
        return channel

    def play(self, channel):
        channel.post("s1", "bet 50")
        channel.post("s2", bet=20)
        while channel.state["phase"] == "playing":
            hand = channel.state["hands"][channel.state["turn"]]
            channel.post(hand["player"], "stand")

    def test_the_shoe_is_committed_before_the_deal_and_opened_after(self):
        channel = self.channel()
        self.play(channel)
        kinds = types([effect["body"] for effect in channel.log])
        self.assertLess(kinds.index("round_start"), kinds.index("dealt"))
        opened = channel.last("shoe_opened")
        text = json.dumps(opened["shoe"], separators=(",", ":"))
        digest = "sha256:" + hashlib.sha256(f"{text}|{opened['salt']}".encode()).hexdigest()
        self.assertEqual(digest, channel.last("round_start")["commitment"])
        self.assertEqual(sorted(opened["shoe"]), sorted(DECK * 2))
        hole = channel.last("dealer")["hole"]
        self.assertEqual("sha256:" + hashlib.sha256(f"{hole['text']}|{hole['salt']}".encode()).hexdigest(),
                         channel.last("dealt")["dealer"]["hole_commitment"])
        self.assertEqual(json.loads(hole["text"]), list(channel.last("dealer")["cards"][1].values()))

    def test_hole_card_and_shoe_stay_secret_during_the_round(self):
        channel = channel_with_cards("10S", "9H", "10D", "7C")
        for text in ("!status", "!help", "hit", "what is the hole card?"):
            channel.post("s1", text) if text != "hit" else None
            channel.dm("s1", text)
        log = json.dumps(channel.log)
        self.assertNotIn("7C", log)
        self.assertNotIn("7\\u2663", log)
        self.assertEqual(channel.state["dealer"], [1, 3])
        self.assertNotIn(channel.persisted["commitments"]["c1"]["salt"], log)
        self.assertNotIn(channel.persisted["commitments"]["c2"]["salt"], log)

    def test_every_round_has_a_new_shuffle_and_secrets_are_deleted(self):
        channel = self.channel()
        for _ in range(20):
            self.play(channel)
            self.assertEqual((channel.state["shoe"], channel.persisted["commitments"]), ([], {}))
        self.assertEqual(len({json.dumps(opened["shoe"]) for opened in channel.bodies("shoe_opened")}), 20)
        self.assertEqual([start["round"] for start in channel.bodies("round_start")], list(range(1, 21)))

    def test_the_start_names_the_contributors_of_entropy(self):
        channel = FakeChannel(blackjack.BlackjackBot, "alice", "bob", contributors=["s2"])
        channel.join("s1", "s2")
        self.play(channel)
        start = channel.last("round_start")
        self.assertEqual((start["entropy_from"], start["missing"]), (["s2"], ["s1"]))
        self.assertIn("Randomness in the shuffle from: bob; alice gave none.", start["text"])
        self.assertIsNone(channel.persisted["stream"], "the seed is revealed after the round")

    def test_one_deck_is_enough_for_five_players(self):
        bot = type("BlackjackBot", (Stacked,), {"first": ("2S", "3S", "4S", "5S", "6S", "9H")})  # no blackjack ends the round
        channel = FakeChannel(bot, *"abcdef", decks=1)
        channel.join("s1", "s2", "s3", "s4", "s5", "s6")
        for n in range(1, 6):
            posted = channel.post(f"s{n}", "bet 10")
        self.assertIn("round_start", types(posted), "five players are the maximum")
        self.assertEqual(channel.post("s6", "bet 10")[0]["reason"], "ROUND_RUNS")


class Dealing(unittest.TestCase):
    def test_cards_are_dealt_in_turn_and_the_dealer_last(self):
        channel = channel_with_cards("2S", "3S", "4S", "5S", "6S", "7S", players=2)
        hands = [[card["card"] for card in hand["cards"]] for hand in channel.last("dealt")["hands"]]
        self.assertEqual(hands, [["2S", "5S"], ["3S", "6S"]])
        self.assertEqual(channel.last("dealt")["dealer"]["up"], [{"place": 2, "card": "4S"}])
        self.assertEqual(channel.last("turn")["player"], "s1")

    def test_totals_of_hands(self):
        for cards, expected in ((["AS", "KS"], (21, True)), (["AS", "AD"], (12, True)), (["AS", "9D", "5C"], (15, False)),
                                (["10S", "JD"], (20, False)), (["AS", "AD", "9C"], (21, True)), (["6S", "AD"], (17, True)),
                                (["KS", "QD", "5H"], (25, False))):
            self.assertEqual(blackjack.total(cards), expected)

    def test_blackjack_pays_three_to_two(self):
        channel = channel_with_cards("AS", "9H", "KS", "8H")
        self.assertEqual(outcome(channel), [("blackjack", 75)])
        self.assertEqual(channel.state["chips"], {"s1": 1075})
        self.assertEqual(len(channel.last("dealer")["cards"]), 2, "nobody is left to draw against")

    def test_a_blackjack_of_the_dealer_ends_the_round(self):
        for cards in (("10S", "AH", "9S", "KH"), ("10S", "KH", "9S", "AH")):
            channel = channel_with_cards(*cards)
            self.assertEqual(outcome(channel), [("loses", -50)])
        self.assertEqual(outcome(channel_with_cards("AS", "AH", "KS", "KH")), [("push", 0)])

    def test_21_in_three_cards_beats_19(self):
        channel = channel_with_cards("5S", "9H", "6S", "KH", "10D")
        channel.post("s1", "hit")
        self.assertEqual(outcome(channel), [("wins", 50)])

    def test_the_dealer_hits_soft_17_only_if_the_rules_say_so(self):
        for hit, cards in ((False, 2), (True, 3)):
            channel = channel_with_cards("10S", "6H", "9S", "AH", "2D", hit_soft_17=hit)
            channel.post("s1", "stand")
            self.assertEqual(len(channel.last("dealer")["cards"]), cards)

    def test_the_dealer_draws_at_16_and_can_bust(self):
        channel = channel_with_cards("10S", "10H", "2S", "6H", "10D")
        channel.post("s1", "stand")
        self.assertEqual((channel.last("dealer")["total"], outcome(channel)), (26, [("wins", 50)]))


class Moves(unittest.TestCase):
    def test_a_bust_loses_the_bet(self):
        channel = channel_with_cards("10S", "9H", "6S", "8H", "KD")
        posted = channel.post("s1", "hit me!")
        self.assertEqual(types(posted), ["played", "dealer", "round_end", "shoe_opened"])
        self.assertEqual(outcome(channel), [("bust", -50)])
        self.assertEqual(channel.state["chips"]["s1"], 950)

    def test_double_is_allowed_with_two_cards_only(self):
        channel = channel_with_cards("6S", "9H", "5S", "8H", "10D")
        channel.post("s1", "double down")
        self.assertEqual(outcome(channel), [("wins", 100)])
        channel = channel_with_cards("6S", "9H", "5S", "8H", "2D")
        channel.post("s1", "hit")
        self.assertEqual(channel.post("s1", "double")[0]["reason"], "BAD_MOVE")

    def test_double_and_split_need_enough_chips(self):
        channel = channel_with_cards("6S", "9H", "5S", "8H", chips=60)
        self.assertEqual([channel.post("s1", move)[0]["reason"] for move in ("double", "split")], ["NO_CHIPS"] * 2)

    def test_split_hands_are_played_one_after_the_other(self):
        channel = channel_with_cards("8S", "9H", "8D", "8H", "3S", "10C", "10D")
        posted = channel.post("s1", type="move", action="split")
        self.assertEqual(types(posted), ["played", "turn"])
        self.assertEqual([hand["total"] for hand in posted[0]["hands"]], [11, 18])
        channel.post("s1", "double")
        self.assertEqual(channel.last("turn")["hand"]["total"], 18)
        channel.post("s1", "stand")
        self.assertEqual(outcome(channel), [("wins", 100), ("wins", 50)])
        self.assertEqual(channel.state["chips"]["s1"], 1150)

    def test_only_equal_ranks_can_be_split_and_only_once(self):
        channel = channel_with_cards("8S", "9H", "8D", "8H", "8C", "2C")
        channel.post("s1", "split")
        self.assertEqual(channel.post("s1", "split")[0]["reason"], "BAD_MOVE")
        channel = channel_with_cards("KS", "9H", "QD", "8H")
        self.assertEqual(channel.post("s1", "split")[0]["reason"], "BAD_MOVE")

    def test_split_aces_get_one_card_each_and_no_blackjack(self):
        channel = channel_with_cards("AS", "9H", "AD", "8H", "KS", "5C")
        channel.post("s1", "split")
        self.assertEqual(outcome(channel), [("wins", 50), ("loses", -50)])

    def test_players_move_in_turn(self):
        channel = channel_with_cards("2S", "3S", "9H", "5S", "6S", "8H", players=2)
        self.assertEqual(channel.post("s2", "hit")[0]["reason"], "BAD_TURN")
        self.assertEqual(channel.post("s1", "stand")[-1]["player"], "s2")
        self.assertEqual(channel.post("s1", "hit")[0]["reason"], "BAD_TURN")

    def test_conversation_and_other_bots_are_ignored(self):
        channel = channel_with_cards("2S", "9H", "5S", "8H")
        for text in ("hello", "should I hit or stand?", "I bet 50 that you lose", "doubles", "", "all in", "better 50"):
            with self.subTest(text):
                self.assertEqual(channel.post("s1", text), [])
        self.assertEqual(channel.post("bot:bot_other", "hit"), [])
        self.assertEqual(channel.post("s1", "hit", kind="aside"), [])
        for odd in ({"type": "move"}, {"type": "move", "action": ["hit"]}, {"type": "move", "action": "go_on"}, {"type": 7}):
            self.assertEqual(channel.post("s1", **odd), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])


class Bets(unittest.TestCase):
    def setUp(self):
        self.channel = FakeChannel(blackjack.BlackjackBot, "alice", "bob", "carol", chips=100)
        self.channel.join("s1", "s2", "s3")

    def test_invalid_bets_are_refused(self):
        for value in (0, 9, 11, 51, -50, 502, "50", 50.0, True, None, [50]):
            with self.subTest(value):
                self.assertEqual(self.channel.post("s1", bet=value)[0]["reason"], "BAD_BET")
        self.assertEqual(self.channel.post("s1", "bet 102")[0]["reason"], "NO_CHIPS")
        self.assertEqual(self.channel.post("s1", "bet")[0]["reason"], "BAD_BET")
        self.assertEqual(self.channel.post("s1", "hit")[0]["reason"], "NO_ROUND")

    def test_the_deal_starts_when_all_have_bet_or_a_player_asks(self):
        self.assertEqual(self.channel.post("s2", "deal")[0]["reason"], "NO_BET")
        self.assertEqual(self.channel.post("s1", "bet 10")[0]["turn"], ["s2", "s3"])
        self.channel.post("s1", "I bet 20 chips!")
        self.assertEqual(self.channel.post("s1", "deal")[0]["players"], ["s1"])
        self.assertEqual(self.channel.last("dealt")["hands"][0]["bet"], 20)

    def test_players_without_chips_can_rebuy(self):
        self.assertEqual(self.channel.post("s1", "rebuy")[0]["reason"], "BAD_MOVE")
        self.channel.state = dict(self.channel.state, chips=self.channel.state["chips"] | {"s1": 8})
        self.assertEqual(self.channel.post("s1", "rebuy")[0]["chips"], 100)

    def test_invalid_params_are_refused(self):
        for params, word in (({"deck": 1}, "no parameter 'deck'"), ({"decks": 0}, "'decks'"), ({"decks": 9}, "'decks'"),
                             ({"hit_soft_17": 1}, "'hit_soft_17'"), ({"min_bet": 0}, "'min_bet'"),
                             ({"max_bet": 5}, "'min_bet'"), ({"chips": "9"}, "'min_bet'"), ({"turn_seconds": 0}, "seconds")):
            with self.subTest(params), self.assertRaisesRegex(ValueError, word):
                FakeChannel(blackjack.BlackjackBot, "alice", **params)
        rules = FakeChannel(blackjack.BlackjackBot, "alice", hit_soft_17=True).last("rules")
        self.assertIn("H17", rules["text"])
        self.assertEqual(rules["rules"]["blackjack_pays"], "3:2")


class WaitingForRandomness(unittest.TestCase):
    def channel(self, **params):
        channel = FakeChannel(blackjack.BlackjackBot, "alice", "bob", **params)
        channel.join("s1", "s2")
        channel.is_slow = True
        return channel

    def test_the_cards_are_dealt_when_the_randomness_is_there(self):
        channel = self.channel()
        channel.post("s1", "bet 50")
        self.assertEqual(types(channel.post("s1", "deal")), [])
        self.assertEqual((channel.state["phase"], channel.state["shoe"], channel.state["chips"]["s1"]), ("dealing", [], 1000))
        self.assertEqual(channel.held_seconds, 3600)
        for text in ("bet 20", "deal", "hit", "rebuy"):
            for seat in ("s1", "s2"):
                self.assertEqual([body.get("reason") for body in channel.post(seat, text)], ["DEALING"])
        self.assertIn("shuffled", channel.post("s2", "!status")[0]["text"])
        self.assertEqual(types(channel.answer_start())[:2], ["round_start", "dealt"])
        self.assertEqual(channel.last("dealt")["hands"][0]["bet"], 50)

    def test_players_who_left_are_not_dealt_to(self):
        channel = self.channel()
        channel.post("s1", "bet 50")
        channel.post("s2", "bet 50")
        self.assertEqual(types(channel.leave("s1")), ["player_left"])
        self.assertEqual(channel.answer_start()[0]["players"], ["s2"])

    def test_without_bettors_the_bets_are_open_again(self):
        channel = self.channel()
        channel.post("s1", "bet 50")
        channel.post("s1", "deal")
        channel.leave("s1")
        [cancelled] = channel.answer_start()
        self.assertEqual((cancelled["type"], cancelled["turn"], channel.held_seconds), ("deal_cancelled", ["s2"], 0))
        self.assertIsNone(channel.persisted["stream"], "the next shuffle begins with everybody who is seated then")
        channel.is_slow = False
        self.assertIn("round_start", types(channel.post("s2", "bet 20")))

    def test_after_a_failed_start_the_players_can_ask_again(self):
        channel = self.channel()
        channel.post("s1", "bet 50")
        channel.post("s2", "bet 50")
        with mock.patch.object(channel, "bot_class", type("Failing", (), {
                "__init__": lambda bot, ctx, params: None, "on_start": lambda bot, contributors, missing: 1 / 0})):
            self.assertRaises(ZeroDivisionError, channel.answer_start)
        channel.post("s1", "deal")
        self.assertIn("round_start", types(channel.answer_start()))

    def test_a_channel_that_is_closed_before_has_no_round(self):
        channel = self.channel()
        channel.post("s1", "bet 50")
        channel.post("s2", "bet 50")
        self.assertEqual(channel.close(), [])


class Turns(unittest.TestCase):
    def test_all_bets_of_a_round_are_one_turn(self):
        channel = FakeChannel(blackjack.BlackjackBot, "alice", "bob", "carol")
        channel.join("s1", "s2", "s3")
        joined, bet = channel.last("player_joined"), channel.post("s2", bet=20, turn_id=1)[0]
        self.assertEqual([(body["turn"], body["turn_id"]) for body in (joined, bet)], [(["s1", "s2", "s3"], 1), (["s1", "s3"], 1)])
        self.assertEqual(bet["actions"], ["bet 10", "bet 20", "bet 50", "bet 100"])
        for text in bet["actions"]:
            self.assertEqual(channel.post("s1", text)[0]["type"], "bet")
        self.assertEqual(channel.leave("s1")[0]["turn"], ["s3"])
        last = channel.post("s3", bet=20, turn_id=1)[0]
        self.assertNotIn("turn", last, "an empty list would say that the game is over")

    def test_each_hand_that_is_asked_has_a_new_turn(self):
        channel = channel_with_cards("2S", "3S", "9H", "5S", "6S", "8H", players=2, turn_seconds=90)
        turn = channel.last("turn")
        self.assertEqual((turn["turn"], turn["turn_id"], turn["deadline"]), (["s1"], 2, "2023-11-14T22:14:50.000Z"))
        self.assertEqual((turn["actions"], "moves" in turn, "seconds" in turn), (["hit", "stand", "double"], False, False))
        turn = channel.post("s1", "stand", turn_id=2)[-1]
        self.assertEqual((turn["turn"], turn["turn_id"]), (["s2"], 3))
        [stale] = channel.post("s2", "stand", turn_id=2)
        self.assertEqual(stale["reason"], "STALE_TURN")
        self.assertIn("turn 2 is over", stale["text"])
        end = next(body for body in channel.post("s2", "stand", turn_id=3) if body["type"] == "round_end")
        self.assertEqual((end["turn"], end["turn_id"], end["actions"][0]), (["s1", "s2"], 4, "bet 10"))
        self.assertEqual(channel.post("s1", bet=20, turn_id=1)[0]["reason"], "STALE_TURN")
        self.assertEqual(channel.state["bets"], {})

    def test_a_player_who_leaves_out_of_turn_changes_no_turn(self):
        channel = channel_with_cards("2S", "3S", "9H", "5S", "6S", "8H", players=2)
        self.assertEqual(types(channel.leave("s2")), ["player_left"])
        self.assertNotIn("turn", channel.join("s2")[0], "a player who joins during a round is asked for a bet when it is over")
        posted = channel.post("s1", "stand", turn_id=2)
        self.assertEqual((posted[0]["type"], channel.last("round_end")["turn"]), ("played", ["s1", "s2"]))

    def test_who_has_too_few_chips_is_offered_new_ones(self):
        channel = FakeChannel(blackjack.BlackjackBot, "alice", "bob", chips=100)
        channel.join("s1", "s2")
        channel.state = dict(channel.state, chips={"s1": 60, "s2": 8})
        bot = blackjack.BlackjackBot(fake_context(channel), channel.params)
        self.assertEqual(bot.offer()["actions"], ["bet 10", "bet 20", "bet 50", "rebuy"])
        offer = channel.post("s1", "bet 60")[0]
        self.assertEqual((offer["turn"], offer["actions"]), (["s2"], ["rebuy"]))
        offer = channel.post("s2", "rebuy")[0]
        self.assertEqual((offer["turn"], offer["actions"]), (["s2"], ["bet 10", "bet 20", "bet 50", "bet 100"]))

    def test_the_smallest_bet_is_even(self):
        channel = FakeChannel(blackjack.BlackjackBot, "alice", min_bet=5)
        self.assertEqual((channel.last("rules")["rules"]["min_bet"], channel.join("s1")[0]["actions"][0]), (6, "bet 6"))
        self.assertEqual(channel.post("s1", "bet 6")[0]["type"], "bet")


class Leaving(unittest.TestCase):
    def test_hands_of_a_leaver_stand_and_the_round_continues(self):
        channel = channel_with_cards("2S", "3S", "9H", "5S", "6S", "8H", players=2)
        self.assertEqual(types(channel.leave("s1")), ["player_left", "turn"])
        channel.join("s1")
        self.assertEqual(channel.post("s1", "hit")[0]["reason"], "BAD_TURN")
        channel.post("s2", "stand")
        self.assertEqual(channel.state["chips"]["s1"], 1000, "a new holder starts with new chips")

    def test_the_round_ends_when_the_last_player_leaves(self):
        channel = channel_with_cards("2S", "9H", "5S", "8H")
        self.assertEqual(types(channel.leave("s1")), ["player_left", "dealer", "round_end", "shoe_opened"])
        self.assertEqual(channel.run_hook("on_leave", "s1"), [])

    def test_a_player_who_leaves_before_the_deal_is_not_waited_for(self):
        channel = FakeChannel(blackjack.BlackjackBot, "alice", "bob")
        channel.join("s1", "s2")
        channel.post("s1", "bet 10")
        self.assertIn("round_start", types(channel.leave("s2")), "the others have all bet")

    def test_joining_twice_changes_nothing(self):
        channel = channel_with_cards("2S", "9H", "5S", "8H")
        self.assertEqual(channel.join("s1"), [])


class Offers(unittest.TestCase):
    def offered(self, *cards, move=None, **params):
        channel = channel_with_cards(*cards, **params)
        if move:
            channel.post("s1", move)
        turn = channel.last("turn")
        for action in ("double", "split"):
            self.assertEqual(action in turn["text"], action in turn["actions"], turn["text"])
        for action in {"hit", "stand", "double", "split"} - set(turn["actions"]):
            self.assertEqual(types(channel.post("s1", action)), ["violation"])
        return turn["actions"]

    def test_only_moves_that_are_accepted_are_offered(self):
        self.assertEqual(self.offered("3S", "9H", "9S", "8H"), ["hit", "stand", "double"])
        self.assertEqual(self.offered("3S", "9H", "3D", "8H"), ["hit", "stand", "double", "split"])
        self.assertEqual(self.offered("3S", "9H", "9S", "8H", "2D", move="hit"), ["hit", "stand"])
        self.assertEqual(self.offered("3S", "9H", "3D", "8H", "3C", "2D", move="split"), ["hit", "stand", "double"])
        self.assertEqual(self.offered("3S", "9H", "3D", "8H", chips=60), ["hit", "stand"])

    def test_the_dealer_refers_to_nothing_that_players_cannot_get(self):
        self.assertNotIn("examples/", pathlib.Path(blackjack.__file__).read_text())


class Closing(unittest.TestCase):
    def test_open_hands_stand_and_everything_is_opened(self):
        channel = channel_with_cards("2S", "3S", "9H", "5S", "6S", "8H", players=2, turn_seconds=30)
        self.assertEqual(types(channel.close()), ["dealer", "round_end", "shoe_opened"])
        end, opened = channel.last("round_end"), channel.last("shoe_opened")
        self.assertEqual((end["reason"], [result["outcome"] for result in end["results"]]), ("closed", ["loses", "loses"]))
        self.assertNotIn("next round", end["text"])
        self.assertEqual(end["turn"], [])
        text = json.dumps(opened["shoe"], separators=(",", ":"))
        self.assertEqual("sha256:" + hashlib.sha256(f"{text}|{opened['salt']}".encode()).hexdigest(),
                         channel.last("round_start")["commitment"])
        self.assertEqual(channel.persisted["commitments"], {})
        self.assertIsNone(channel.persisted["stream"], "the seed is revealed too")
        self.assertEqual((channel.timers, channel.held_seconds), ({}, 0))

    def test_between_rounds_there_is_nothing_to_open(self):
        channel = FakeChannel(blackjack.BlackjackBot, "alice", "bob")
        channel.join("s1", "s2")
        channel.post("s1", "bet 50")
        self.assertEqual(channel.close(), [])


class HeldSeats(unittest.TestCase):
    def test_a_round_holds_the_seats_until_it_ends(self):
        channel = channel_with_cards("2S", "9H", "5S", "8H", "2D")
        self.assertEqual(channel.held_seconds, 3600)
        channel.advance(3000)
        channel.post("s1", "split")
        self.assertEqual(channel.held_seconds, 600, "a move that is refused renews nothing")
        channel.post("s1", "hit")
        self.assertEqual(channel.held_seconds, 3600)
        channel.post("s1", "stand")
        self.assertEqual((channel.last("round_end")["reason"], channel.held_seconds), ("played", 0))

    def test_a_round_that_a_leaver_started_holds_the_seats_at_the_first_move(self):
        bot = type("BlackjackBot", (Stacked,), {"first": ("2S", "9H", "5S", "8H", "2D")})
        channel = FakeChannel(bot, "alice", "bob")
        channel.join("s1", "s2")
        channel.post("s1", "bet 10")
        self.assertIn("turn", types(channel.leave("s2")))
        self.assertEqual(channel.held_seconds, 0)
        channel.post("s1", "hit")
        self.assertEqual(channel.held_seconds, 3600)


class Clock(unittest.TestCase):
    def test_a_turn_that_times_out_is_a_stand(self):
        channel = channel_with_cards("2S", "3S", "9H", "5S", "6S", "8H", players=2, turn_seconds=30)
        self.assertEqual(channel.advance(29), [])
        self.assertEqual(types(channel.advance(1)), ["time_up", "turn"])
        self.assertEqual(channel.last("turn")["player"], "s2")
        channel.post("s2", "stand")
        self.assertEqual(channel.timers, {})

    def test_a_timer_of_an_earlier_turn_does_nothing(self):
        channel = channel_with_cards("2S", "3S", "9H", "5S", "6S", "8H", players=2, turn_seconds=30)
        channel.advance(20)
        channel.post("s1", "stand")
        self.assertEqual(channel.run_hook("on_timer", "turn"), [])
        self.assertEqual(channel.last("turn")["player"], "s2")


if __name__ == "__main__":
    unittest.main()
