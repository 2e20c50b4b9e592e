"""BargainBot makes the deal that its rule says, and opens nothing that it promised to keep sealed."""

import hashlib
import itertools
import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load, types  # noqa: E402

BargainBot = load("bargain_bot").BargainBot
TWO = [{"name": "price", "unit": "EUR", "max": 500, "step": 5}, {"name": "days", "high": "bob", "min": 1, "max": 30}]
GARBAGE = (None, True, -1, 0, 1.5, 10**30, "", "x", "100", "\u2212", [], [1], {}, {"price": 1}, {"limits": {"price": []}}, [[{}]])


def begun(*labels, **params):
    channel = FakeChannel(BargainBot, *(labels or ("alice", "bob", "carol")), **params)
    channel.join(*[f"s{number}" for number in range(1, len(labels or "123") + 1)])
    return channel


def sealed(channel, *limits):
    """Seals the limits of alice and bob; returns the bodies of all effects of the last message."""
    effects = []
    for seat, each in zip(("s1", "s2"), limits):
        effects = channel.dm_effects(seat, **each) if isinstance(each, dict) else channel.dm_effects(seat, f"limit {each}")
    return [effect["body"] for effect in effects]


def reasons(effects):
    return [effect["body"].get("reason") for effect in effects]


def proves(record, commitment):
    return "sha256:" + hashlib.sha256(f"{record['text']}|{record['salt']}".encode()).hexdigest() == commitment


class Deals(unittest.TestCase):
    def test_a_bargain_from_its_start_to_the_deal(self):
        channel = FakeChannel(BargainBot, "alice", "bob", issues=TWO)
        self.assertEqual(channel.join("s1"), [])
        start, turn = channel.join("s2")
        self.assertEqual((start["players"], start["share"], start["unseal"]), (["s1", "s2"], 50, "always"))
        self.assertEqual([(each["high"], each["low"]) for each in start["issues"]], [("s1", "s2"), ("s2", "s1")])
        self.assertEqual((turn["turn"], turn["turn_id"], turn["private"]), (["s1", "s2"], 1, True))
        self.assertEqual(turn["actions"]["properties"]["days"], {"type": "integer", "minimum": 1, "maximum": 30})
        effects = channel.dm_effects("s1", price=100, days=14, turn_id=1)
        self.assertEqual([(each["to"], each["body"]["type"]) for each in effects], [("s1", "receipt"), (None, "sealed")])
        receipt, public = effects[0]["body"], effects[1]["body"]
        self.assertTrue(proves(receipt["proof"], public["commitment"]))
        self.assertEqual(json.loads(receipt["proof"]["text"]),
                         {"game": 1, "round": 1, "player": "s1", "limits": {"price": 100, "days": 14}})
        self.assertEqual((public["turn"], public["turn_id"], public["private"]), (["s2"], 1, True))

    def test_the_midpoint_and_its_rounding(self):
        for low, high, step, expected in ((100, 120, 1, 110), (100, 121, 1, 110), (100, 101, 1, 100), (7, 7, 1, 7), (101, 119, 5, 110),
                                          (100, 105, 5, 100), (101, 104, 5, None), (0, 1000, 7, 497), (120, 119, 1, None)):
            with self.subTest(low=low, high=high, step=step):
                end = sealed(begun(issues=[{"name": "price", "step": step}]), low, high)[-1]
                self.assertEqual((end["type"], end["deal"]), ("game_end", expected if expected is None else {"price": expected}))
                self.assertEqual(end["result"], "UNRESOLVED" if expected is None else "DEAL")
                self.assertEqual(end["reason"], "no_overlap" if expected is None else "overlap")

    def test_every_deal_is_acceptable_to_both_and_on_a_step(self):
        deal_of = load("bargain_bot").deal_of
        for least, step, share in itertools.product((-10, 0, 3), (1, 3, 4), (0, 33, 50, 100)):
            issue = {"name": "n", "min": least, "max": least + 12, "step": step, "high": "a", "low": "b"}
            values = range(least, least + 13)
            steps = range(least, least + 13, step)
            for low, high in itertools.product(values, values):
                deal = deal_of([issue], {"a": {"n": low}, "b": {"n": high}}, share)
                overlap = [value for value in steps if low <= value <= high]
                expected = {"n": overlap[(len(overlap) - 1) * share // 100]} if overlap else None
                self.assertEqual(deal, expected, (issue, low, high, share))

    def test_a_split_gives_its_share_to_the_party_who_wants_it_high(self):
        for share, expected in ((0, 100), (25, 110), (100, 140)):
            end = sealed(begun(rule="split", share=share), 100, 140)[-1]
            self.assertEqual(end["deal"], {"price": expected})
        end = sealed(begun(rule="split", share=0, issues=[{"name": "price", "high": "bob"}]), 140, 100)[-1]
        self.assertEqual(end["deal"], {"price": 100}, "bob wants it high")

    def test_a_deal_needs_an_overlap_in_every_issue(self):
        end = sealed(begun(issues=TWO), {"price": 100, "days": 14}, {"price": 120, "days": 10})[-1]
        self.assertEqual((end["result"], end["deal"], end["outcomes"]["s1"], end["outcomes"]["s3"]),
                         ("DEAL", {"price": 110, "days": 12}, "deal", "watched"))
        end = sealed(begun(issues=TWO), {"price": 100, "days": 14}, {"price": 120, "days": 15})[-1]
        self.assertEqual((end["result"], end["deal"], end["turn"]), ("UNRESOLVED", None, []))

    def test_the_board_shows_opened_limits(self):
        channel = begun(issues=TWO, rounds=2)
        self.assertEqual(channel.last("bot:turn")["board"]["rows"], [["round 1: price", "", "", ""], ["round 1: days", "", "", ""]])
        sealed(channel, {"price": 100, "days": 14}, {"price": 90, "days": 10})
        board = sealed(channel, {"price": 90, "days": 14}, {"price": 90, "days": 10})[-1]["board"]
        self.assertEqual(board["columns"], ["", "alice", "bob", "deal"])
        self.assertEqual(board["rows"], [["round 1: price", "at least 100", "at most 90", "none"], ["round 1: days", "at most 14",
                         "at least 10", "none"], ["round 2: price", "at least 90", "at most 90", "90"],
                         ["round 2: days", "at most 14", "at least 10", "12"]])
        board = sealed(begun(unseal="never"), 1, 3)[-1]["board"]
        self.assertEqual(board["rows"], [["round 1: price", "sealed", "sealed", "2"]])


class Messages(unittest.TestCase):
    def test_limits_as_text_and_as_data(self):
        for text in ("limit 100", "Limit: 100!", "`100`", "my limit is 100", "limit price 100", "price: 100", "limit price = +100"):
            with self.subTest(text):
                self.assertEqual(begun().dm_effects("s1", text)[0]["body"].get("limits"), {"price": 100})
        for text in ("limit price 100 EUR, days 14", "days=14; price=100", "limits are price 100 and days 14", "limit days 14, and price 100eur"):
            with self.subTest(text):
                self.assertEqual(begun(issues=TWO).dm_effects("s1", text)[0]["body"].get("limits"), {"price": 100, "days": 14})
        for data in ({"price": 100}, {"type": "move", "action": "limit", "limits": {"price": 100}},
                     {"type": "move", "action": "limit", "price": 100}):
            self.assertEqual(begun().dm_effects("s1", **data)[0]["body"]["limits"], {"price": 100})

    def test_bad_limits_are_refused_in_private_and_cost_nothing(self):
        channel = begun(issues=TWO)
        for text in ("limit 100", "limit price 100", "limit price 100, price 90", "limit price 1,000, days 3", "limit price 100.5, days 3",
                     "limit price 100k, days 3", "limit price 501, days 3", "limit price 100, days 0", "limit", "limit prise 3, days 3"):
            with self.subTest(text):
                [refused] = channel.dm("s1", text)
                self.assertEqual((refused["type"], refused["reason"]), ("violation", "BAD_LIMIT"))
        for value in GARBAGE:
            self.assertEqual(channel.dm("s1", price=value, days=3)[0]["reason"], "BAD_LIMIT", value) if value not in (0, True) else None
        self.assertEqual(channel.dm("s1", price=True, days=3)[0]["reason"], "BAD_LIMIT")
        self.assertEqual(channel.dm("s1", type="move", action="limit", limits=[1])[0]["reason"], "BAD_LIMIT")
        self.assertEqual(reasons(channel.dm_effects("s1", price=100, days=3)), [None, None])

    def test_a_limit_in_public_does_not_count(self):
        for message in ({"text": "limit 100"}, {"text": "My limit is 100"}, {"price": 100}, {"price": "secret"}, {"text": "limit 99.5"}):
            with self.subTest(message):
                channel = begun()
                [refused] = channel.post("s1", **message)
                self.assertEqual((refused["reason"], refused["player"]), ("PUBLIC_LIMIT", "s1"))
                self.assertIn("public now", refused["text"])
                self.assertEqual(reasons(channel.dm_effects("s1", "limit 90")), [None, None], "another one can be sealed")

    def test_a_sealed_limit_cannot_be_changed(self):
        channel = begun(rounds=2)
        sealed(channel, 100)
        self.assertEqual(channel.dm("s1", "limit 90")[0]["reason"], "ALREADY_SEALED")
        end = sealed(channel, 90, 95)
        self.assertEqual(types(end), ["receipt", "sealed", "unresolved", "bot:turn"], "100 counts")
        self.assertEqual(types(sealed(channel, 90, 95))[-1], "game_end", "in the next round, new limits")

    def test_only_the_parties_take_part(self):
        channel = begun()
        self.assertEqual(channel.dm("s3", "limit 5")[0]["reason"], "NOT_A_PLAYER")
        self.assertEqual(channel.post("s3", "withdraw")[0]["reason"], "NOT_A_PLAYER")
        self.assertEqual(channel.post("s3", "limit 5"), [])
        self.assertEqual(types(channel.post("s3", "start")), ["status"])

    def test_before_and_after_a_bargain(self):
        channel = FakeChannel(BargainBot, "alice", "bob", "carol")
        channel.join("s1", "s2")
        self.assertEqual(channel.dm("s1", "limit 5")[0]["reason"], "GAME_NOT_STARTED")
        self.assertEqual(channel.post("s1", "withdraw")[0]["reason"], "GAME_NOT_STARTED")
        channel.join("s3")
        sealed(channel, 1, 2)
        self.assertEqual(channel.dm("s1", "limit 5")[0]["reason"], "GAME_OVER")
        self.assertEqual(channel.post("s2", "I withdraw")[0]["reason"], "GAME_OVER")

    def test_a_message_for_another_round_does_not_count(self):
        channel = begun(rounds=2)
        sealed(channel, 100, 90)
        for turn_id in (1, 3, "2", [2], {}):
            for effects in (channel.dm_effects("s1", "limit 80", turn_id=turn_id), channel.dm_effects("s1", "withdraw", turn_id=turn_id)):
                self.assertEqual(reasons(effects), ["STALE_TURN"])
            self.assertEqual(channel.post("s1", "withdraw", turn_id=turn_id)[0]["reason"], "STALE_TURN")
        self.assertIn("turn 1 is over", channel.dm("s1", "limit 80", turn_id=1)[0]["text"])
        self.assertEqual(reasons(channel.dm_effects("s1", price=80, turn_id=2)), [None, None])

    def test_conversation_is_ignored(self):
        channel = begun()
        for text in ("hello", "100", "price 100 is a lot", "there is a limit to everything", "limit your demands", "", "I never withdraw"):
            self.assertEqual(channel.post("s1", text), [], text)
        self.assertEqual(channel.post("bot:other", "limit 5"), [])
        self.assertEqual(channel.post("s1", "limit 5", kind="aside"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])
        self.assertEqual(types(channel.dm("s1", "what?")), ["help"])

    def test_garbage_never_raises(self):
        fields = ("price", "limits", "type", "action", "turn_id", "text", "tenure", "value")
        for phase in ("waiting", "sealing", "over"):
            channel = FakeChannel(BargainBot, "alice", "bob", "carol", turn_seconds=60)
            channel.join("s1", "s2", *(["s3"] if phase != "waiting" else []))
            if phase == "over":
                sealed(channel, 5, 3)
            for field, value in itertools.product(fields, GARBAGE):
                for more in ({}, {"type": "move"}, {"type": "move", "action": "limit"}):
                    body = {**more, field: value}
                    for hook, argument in (("on_message", {"sender": "s3", "kind": "user", "body": body}),
                                           ("on_message", {"sender": "s9", "kind": "user", "body": body})):
                        channel.run_hook(hook, argument)
                    channel.run_hook("on_private_message", "s3" if phase != "waiting" else "s2", body)
                    channel.run_hook("on_private_message", "s9", body)
                    if field != "price" and "limits" not in body:
                        channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": body})
                channel.run_hook("on_timer", str(value))
        for text in ("limit " + "9" * 5000, "limit " + "price 1, " * 3000, "limit \u0663", "\x00", "limit -", "limit ,", "limit and"):
            channel = begun()
            self.assertEqual(reasons(channel.dm_effects("s1", text)), ["BAD_LIMIT"] if text.startswith("limit") else [None])
            channel.post("s1", text)

    def test_status_and_help(self):
        channel = begun(issues=TWO)
        sealed(channel, {"price": 100, "days": 14})
        status = channel.post("s2", "!status")[0]
        self.assertEqual((status["sealed"], status["round"], status["turn_id"], "turn" in status), (["s1"], 1, 1, False))
        self.assertNotIn("limits", status)
        self.assertEqual(channel.dm("s2", "!status"), [status])
        self.assertEqual(channel.dm("s1", "!status"), [status | {"limits": {"price": 100, "days": 14}}], "its own limits")
        self.assertEqual(channel.dm("s3", "!help"), channel.post("s1", "!help"))
        self.assertIn("limit price N, days N", channel.last("help")["text"])


class Sealing(unittest.TestCase):
    def everything_before(self, channel, seat):
        """Returns what a seat can read, as JSON."""
        return json.dumps([effect["body"] for effect in channel.log if effect["to"] in (None, seat)])

    def test_always_opens_all_complete_rounds(self):
        channel = begun(rounds=3, unseals=True)
        sealed(channel, 777, 222)
        self.assertNotRegex(self.everything_before(channel, "s2"), r"\b777\b", "not before the end")
        end = sealed(channel, 666, 666)[-1]
        self.assertEqual([(each["round"], each["player"]) for each in end["opened"]], [(1, "s1"), (1, "s2"), (2, "s1"), (2, "s2")])
        commitments = {(each["round"], each["player"]): each["commitment"] for each in channel.bodies("sealed")}
        for each in end["opened"]:
            self.assertTrue(proves(each, commitments[each["round"], each["player"]]))
            self.assertEqual(json.loads(each["text"])["player"], each["player"])
        self.assertEqual((end["unsealed"], channel.persisted["unsealed"], channel.persisted["stream"]), (True, 1, None))
        self.assertIn("All sealed limits are opened", end["text"])

    def test_without_the_manifest_it_opens_the_commitments_only(self):
        end = sealed(begun(unseals=False), 1, 3)[-1]
        self.assertEqual((end["unsealed"], len(end["opened"])), (False, 2))

    def revealed(self, channel):
        """Returns whether the bot reveals a seed in the next hook's effects; marks the present seed."""
        channel.persisted["stream"] = ["mark"]
        return lambda: channel.persisted["stream"] is None

    def test_on_deal_opens_only_the_round_of_the_deal(self):
        channel = begun(rounds=2, unseal="on_deal", unseals=True)
        is_revealed = self.revealed(channel)
        sealed(channel, 777, 222)
        end = sealed(channel, 666, 666)[-1]
        self.assertEqual([each["round"] for each in end["opened"]], [2, 2])
        self.assertEqual((end["unsealed"], channel.persisted["unsealed"], is_revealed()), (False, 0, False))
        self.assertNotRegex(self.everything_before(channel, "s2"), r"\b777\b")
        self.assertIn("those of other rounds stay sealed", end["text"])
        channel = begun(unseal="on_deal")
        end = sealed(channel, 777, 222)[-1]
        self.assertEqual((end["result"], end["opened"]), ("UNRESOLVED", []))
        self.assertNotRegex(self.everything_before(channel, "s2"), r"\b777\b")

    def test_never_opens_nothing_and_says_so(self):
        channel = begun(unseal="never", unseals=True)
        is_revealed = self.revealed(channel)
        end = sealed(channel, 333, 777)[-1]
        self.assertEqual((end["opened"], end["unsealed"], end["deal"], is_revealed()), ([], False, {"price": 555}, False))
        self.assertIn("nobody can recompute it", end["text"])
        self.assertIn("nobody can recompute it", channel.last("prompt")["text"])
        self.assertNotRegex(self.everything_before(channel, "s1"), r"\b777\b")
        self.assertNotRegex(self.everything_before(channel, "s2"), r"\b333\b")
        self.assertNotIn("sealed", json.dumps(channel.persisted["seats"]), "and forgets them")

    def test_an_incomplete_round_is_never_opened(self):
        def withdraws(channel):
            return channel.post("s2", "withdraw")

        def leaves(channel):
            return channel.leave("s2")

        def misses(channel):
            return channel.advance(60)

        def owner_leaves(channel):
            return channel.leave("s1")

        for end, reason in ((withdraws, "withdraw"), (leaves, "leave"), (misses, "time"), (FakeChannel.close, "closed"),
                            (owner_leaves, "leave")):
            with self.subTest(end.__name__):
                channel = begun(rounds=2, turn_seconds=60, unseals=True)
                is_revealed = self.revealed(channel)
                sealed(channel, 111, 99)
                sealed(channel, 777)
                posted = end(channel)[-1]
                self.assertEqual((posted["type"], posted["result"], posted["reason"]), ("game_end", "UNRESOLVED", reason))
                self.assertEqual([each["round"] for each in posted["opened"]], [1, 1])
                self.assertNotRegex(self.everything_before(channel, "s2"), r"\b777\b")
                self.assertEqual((channel.persisted["unsealed"], is_revealed(), channel.held_seconds, channel.timers), (0, False, 0, {}))
                self.assertEqual("rematch" in posted["text"], reason != "closed")

    def test_later_bargains_do_not_open_it_either(self):
        channel = begun(unseals=True)
        is_revealed = self.revealed(channel)
        sealed(channel, 777)
        channel.post("s2", "withdraw")
        channel.post("s1", "rematch")
        channel.post("s2", "rematch")
        end = sealed(channel, 5, 5)[-1]
        self.assertEqual((len(end["opened"]), end["unsealed"], channel.persisted["unsealed"], is_revealed()), (2, False, 0, False))

    def test_a_round_without_limits_keeps_nothing_back(self):
        channel = begun(rounds=2, unseals=True)
        sealed(channel, 111, 99)
        end = channel.close()[-1]
        self.assertEqual((len(end["opened"]), end["unsealed"]), (2, True))
        self.assertIn("No limits were sealed", begun().close()[-1]["text"])

    def test_unresolved_says_the_same_however_far_the_limits_are_apart(self):
        said = []
        for limits in (({"price": 101, "days": 14}, {"price": 100, "days": 10}), ({"price": 500, "days": 14}, {"price": 0, "days": 10}),
                       ({"price": 0, "days": 1}, {"price": 500, "days": 30})):
            for unseal in ("on_deal", "never"):
                channel = begun(issues=TWO, rounds=2, unseal=unseal)
                posts = [body for body in sealed(channel, *limits) if body["type"] not in ("receipt", "sealed")]
                posts += [body for body in sealed(channel, *limits) if body["type"] not in ("receipt", "sealed")]
                said.append(json.dumps(posts))
        self.assertEqual(len(set(said)), 1)

    def test_a_new_holder_of_the_seat_inherits_nothing(self):
        channel = begun()
        sealed(channel, 777)
        channel.leave("s1", hook_fails=True)
        channel.join("s1")
        self.assertNotIn("limits", channel.dm("s1", "!status")[0])
        self.assertEqual(sealed(channel, 5, 7)[-1]["deal"], {"price": 6})

    def test_the_longest_bargain_fits_into_a_post(self):
        issues = [{"name": f"{letter}" * 20, "unit": "u" * 20, "min": -10**12, "max": 10**12} for letter in "abcdef"]
        channel = begun("\u00e4" * 64, "\u00f6" * 64, issues=issues, rounds=10)
        for _ in range(10):
            end = sealed(channel, {issue["name"]: 10**12 for issue in issues}, {issue["name"]: -10**12 for issue in issues})[-1]
        self.assertEqual((end["result"], len(end["opened"])), ("UNRESOLVED", 20))


class Course(unittest.TestCase):
    def test_the_clock(self):
        channel = begun(turn_seconds=90, rounds=2)
        turn = channel.last("bot:turn")
        self.assertEqual((turn["deadline"], channel.timers, channel.held_seconds), ("2023-11-14T22:14:50.000Z", {"turn": 90}, 3690))
        channel.advance(60)
        sealed(channel, 50)
        self.assertEqual(channel.last("sealed")["deadline"], "2023-11-14T22:14:50.000Z")
        channel.dm_effects("s2", "limit 40")
        self.assertEqual((channel.timers, channel.last("bot:turn")["turn_id"]), ({"turn": 90}, 2), "a new round, a new clock")
        self.assertEqual(channel.run_hook("on_timer", "turn"), [], "of the round before")
        [end] = channel.advance(90)
        self.assertEqual((end["reason"], end["round"]), ("time", 2))
        self.assertIn("without limits of alice, bob", end["text"])
        self.assertNotIn("deadline", begun().last("bot:turn"))

    def test_a_bargain_holds_the_seats(self):
        channel = begun()
        self.assertEqual(channel.held_seconds, 3600)
        channel.advance(3000)
        channel.dm("s1", "limit 5000")
        self.assertEqual(channel.held_seconds, 600, "an invalid limit renews nothing")
        sealed(channel, 5)
        self.assertEqual(channel.held_seconds, 3600)
        channel.dm_effects("s2", "limit 9")
        self.assertEqual(channel.held_seconds, 0)

    def test_the_parties_can_start_while_seats_are_empty_and_again(self):
        channel = FakeChannel(BargainBot, "alice", "bob", "carol")
        channel.join("s1", "s2")
        [vote] = channel.post("s1", "start")
        self.assertEqual((vote["type"], vote["ready"]), ("start_vote", ["s1"]))
        self.assertEqual(types(channel.post("s2", type="move", action="rematch")), ["game_start", "bot:turn"])
        self.assertEqual(channel.join("s3"), [], "it goes on when the last seat is taken")
        self.assertEqual(types(channel.post("s1", "start")), ["status"])
        self.assertEqual(sealed(channel, 5, 9)[-1]["game"], 1)
        self.assertEqual(types(channel.post("s2", "again")), ["start_vote"])
        start, turn = channel.post("s1", "rematch")
        self.assertEqual((start["game"], turn["turn_id"], turn["round"]), (2, 2, 1))
        self.assertEqual(sealed(channel, 5, 9)[-1]["deal"], {"price": 7})

    def test_a_party_who_left_can_be_replaced_for_another_bargain(self):
        channel = begun()
        [end] = channel.leave("s2")
        self.assertEqual((end["reason"], end["outcomes"]), ("leave", {"s1": "unresolved", "s2": "unresolved", "s3": "watched"}))
        self.assertEqual(types(channel.post("s1", "start")), ["status"])
        self.assertEqual(channel.leave("s3"), [])
        channel.join("s2")
        channel.post("s2", "start")
        self.assertEqual(types(channel.post("s1", "start")), ["game_start", "bot:turn"])

    def test_a_vote_ends_with_its_player_in_the_seat(self):
        channel = FakeChannel(BargainBot, "alice", "bob", "carol")
        channel.join("s1", "s2")
        channel.post("s1", "start")
        channel.leave("s1")
        channel.join("s1")
        self.assertEqual(types(channel.post("s2", "start")), ["start_vote"])

    def test_closing_outside_of_a_bargain_says_nothing(self):
        channel = FakeChannel(BargainBot, "alice", "bob")
        self.assertEqual(channel.close(), [])
        channel = begun()
        sealed(channel, 1, 2)
        self.assertEqual(channel.close(), [])

    def test_parties_are_named_by_their_labels(self):
        channel = begun("carol", "alice", "bob", parties=["bob", "alice"], issues=[{"name": "price", "high": "alice"}])
        start = channel.last("game_start")
        self.assertEqual((start["players"], start["issues"][0]["high"], start["issues"][0]["low"]), (["s3", "s2"], "s2", "s3"))

    def test_invalid_params_are_refused(self):
        def issue(**fields):
            return {"issues": [{"name": "price", **fields}]}
        for params, word in (({"size": 4}, "no parameter"), ({"parties": ["alice"]}, "'parties'"), ({"parties": ["alice", "nobody"]}, "labels"),
                             ({"parties": ["alice", []]}, "'parties'"), ({"issues": []}, "'issues'"), ({"issues": [1]}, "'issues'"),
                             ({"issues": [{}]}, "'name'"), (issue(name="Price"), "'name'"), (issue(name="turn_id"), "'name'"),
                             (issue(name=[]), "'name'"), (issue(unit=3), "'unit'"), (issue(high="carol"), "'high'"), (issue(high=[]), "'high'"),
                             (issue(min=5, max=5), "min < max"), (issue(step=0), "'step'"), (issue(max=10**13), "'max'"),
                             (issue(min=True), "'min'"), (issue(weight=1), "no field"), ({"issues": [{"name": "a"}, {"name": "a"}]}, "different"),
                             ({"rule": "fair"}, "'rule'"), ({"rule": []}, "'rule'"), ({"rule": "split"}, "'share'"), ({"share": 50}, "'share'"),
                             ({"rule": "split", "share": 101}, "'share'"), ({"rounds": 0}, "'rounds'"), ({"rounds": 11}, "'rounds'"),
                             ({"turn_seconds": 0}, "'turn_seconds'"), ({"unseal": "maybe"}, "'unseal'")):
            with self.subTest(params), self.assertRaisesRegex(ValueError, word):
                begun(**params)
        with self.assertRaisesRegex(ValueError, "labels"):
            FakeChannel(BargainBot, "alice")


if __name__ == "__main__":
    unittest.main()
