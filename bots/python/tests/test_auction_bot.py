"""AuctionBot sells to the highest sealed bid at the price that its rule says, and proves it."""

import hashlib
import itertools
import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load, types  # noqa: E402

AuctionBot = load("auction_bot").AuctionBot
GARBAGE = (None, True, -1, 0, 1.5, 10**30, "", "x", "100", "\u2212", [], [1], {}, {"bid": 1}, [[{}]])
SOLD = {"seller": "alice", "reserve": "sealed"}


def begun(players=3, **params):
    channel = FakeChannel(AuctionBot, *("alice", "bob", "carol")[:players], **params)
    channel.join(*[f"s{number}" for number in range(1, players + 1)])
    return channel


def bids(channel, **answers):
    """Sends bids by slot, None for a pass; returns the bodies of all effects of the last one."""
    effects = []
    for seat, bid in answers.items():
        effects = channel.dm_effects(seat, "pass" if bid is None else f"bid {bid}")
    return [effect["body"] for effect in effects]


def reasons(effects):
    return [effect["body"].get("reason") for effect in effects]


def proves(record, commitment):
    return "sha256:" + hashlib.sha256(f"{record['text']}|{record['salt']}".encode()).hexdigest() == commitment


class Sales(unittest.TestCase):
    def test_an_auction_from_its_start_to_the_sale(self):
        channel = FakeChannel(AuctionBot, "alice", "bob", "carol", contributors=["s1", "s3"], item="a vase", unseals=True)
        self.assertEqual(channel.join("s1", "s2"), [])
        start, turn = channel.join("s3")
        self.assertEqual((start["type"], start["players"], start["item"]), ("game_start", ["s1", "s2", "s3"], "a vase"))
        self.assertIn("Randomness in the draw from: alice, carol; bob gave none.", start["text"])
        self.assertEqual((start["entropy_from"], start["missing"]), (["s1", "s3"], ["s2"]))
        self.assertEqual((turn["turn"], turn["turn_id"], turn["private"]), (["s1", "s2", "s3"], 1, True))
        self.assertEqual(turn["actions"]["properties"], {"bid": {"type": "integer", "minimum": 1, "maximum": 1_000_000}})
        effects = channel.dm_effects("s1", bid=120, turn_id=1)
        self.assertEqual([(each["to"], each["body"]["type"]) for each in effects], [("s1", "receipt"), (None, "sealed")])
        receipt, public = effects[0]["body"], effects[1]["body"]
        self.assertTrue(proves(receipt["proof"], public["commitment"]))
        self.assertEqual(json.loads(receipt["proof"]["text"]), {"game": 1, "player": "s1", "bid": 120})
        self.assertEqual((public["turn"], public["turn_id"], public["private"]), (["s2", "s3"], 1, True))
        channel.dm_effects("s3", "pass")
        receipt, public, end = bids(channel, s2=150)
        self.assertNotIn("turn", public)
        self.assertEqual((end["winner"], end["price"], end["reason"], end["turn"]), ("s2", 120, "sold", []))
        self.assertEqual(end["board"]["rows"], [["bob", "150", "120"], ["alice", "120", ""], ["carol", "no bid", ""]])
        self.assertIn("bob buys a vase for 120.", end["text"])
        commitments = {each["player"]: each["commitment"] for each in channel.bodies("sealed")}
        for each in end["bids"]:
            self.assertTrue(proves(each, commitments[each["player"]]))
            self.assertEqual(json.loads(each["text"]), {"game": 1, "player": each["player"], "bid": each["bid"]})
        self.assertTrue(proves(end["tie_order"], start["tie_commitment"]))
        self.assertEqual((end["unsealed"], channel.persisted["unsealed"], channel.persisted["stream"]), (True, 1, None))
        self.assertEqual((channel.held_seconds, channel.persisted["commitments"]), (0, {}))
        self.assertEqual(channel.persisted["seats"], {"s1": {}, "s2": {}, "s3": {}})

    def test_prices(self):
        for price, reserve, answers, expected in (
                ("second", None, (100, 90, 80), ("s1", 90, "sold")), ("first", None, (100, 90, 80), ("s1", 100, "sold")),
                ("second", 95, (100, 90, 80), ("s1", 95, "sold")), ("second", 85, (100, 90, 80), ("s1", 90, "sold")),
                ("first", 95, (80, 90, 95), ("s3", 95, "sold")), ("second", 101, (100, 90, 80), (None, None, "reserve")),
                ("second", None, (None, 90, None), ("s2", 5, "sold")), ("first", None, (None, 90, None), ("s2", 90, "sold")),
                ("second", 50, (None, None, 50), ("s3", 50, "sold")), ("second", None, (None, None, None), (None, None, "no_bids"))):
            with self.subTest(price=price, reserve=reserve, answers=answers):
                channel = begun(price=price, reserve=reserve, min_bid=5)
                end = bids(channel, **dict(zip(("s1", "s2", "s3"), answers)))[-1]
                self.assertEqual((end["winner"], end["price"], end["reason"]), expected)
                self.assertEqual((len(end["bids"]), end["reserve"]), (3, reserve), "all are opened, also without a sale")

    def test_ties_are_broken_by_the_order_that_was_drawn_before(self):
        winners = set()
        for price in ("first", "second") * 20:
            channel = begun(price=price)
            end = bids(channel, s1=70, s2=70, s3=60)[-1]
            order = json.loads(end["tie_order"]["text"])["order"]
            self.assertEqual(sorted(order), ["s1", "s2", "s3"])
            self.assertEqual((end["winner"], end["price"]), (min(("s1", "s2"), key=order.index), 70))
            winners.add(end["winner"])
        self.assertEqual(winners, {"s1", "s2"})

    def test_bids_count_on_their_step(self):
        channel = begun(min_bid=5, step=10, max_bid=97)
        effects = channel.dm_effects("s1", "bid 97")
        self.assertEqual(effects[0]["body"]["bid"], 95)
        self.assertIn("95 (97 is between two steps)", effects[0]["body"]["text"])
        self.assertNotIn("steps", channel.dm_effects("s2", "bid 95")[0]["body"]["text"])
        self.assertEqual(bids(channel, s3=14)[-1]["bids"][2]["bid"], 5)

    def test_a_sealed_reserve_price(self):
        for reserve, expected in ((60, ("s2", 60, "sold")), (10, ("s2", 40, "sold")), (71, (None, None, "reserve"))):
            channel = begun(**SOLD)
            turn = channel.last("bot:turn")
            self.assertEqual((turn["turn"], list(turn["actions"]["properties"])), (["s1"], ["reserve"]))
            self.assertEqual(channel.dm("s2", "bid 70")[0]["reason"], "BAD_TURN")
            effects = channel.dm_effects("s1", f"reserve {reserve}", turn_id=1)
            self.assertEqual([(each["to"], each["body"]["type"]) for each in effects],
                             [("s1", "receipt"), (None, "reserve_sealed"), (None, "bot:turn")])
            self.assertEqual((effects[2]["body"]["turn"], effects[2]["body"]["turn_id"]), (["s2", "s3"], 2))
            self.assertNotIn(str(reserve), effects[1]["body"]["text"].split("sha256")[0])
            end = bids(channel, s2=70, s3=40)[-1]
            self.assertEqual((end["winner"], end["price"], end["reason"], end["reserve"]), (*expected, reserve))
            self.assertTrue(proves(end["reserve_proof"], channel.last("reserve_sealed")["commitment"]))
            self.assertEqual(end["board"]["rows"][-1], ["reserve price", str(reserve), ""])

    def test_a_seller_without_a_sealed_reserve_price_only_watches(self):
        channel = begun(seller="bob", reserve=50)
        self.assertEqual(channel.last("bot:turn")["turn"], ["s1", "s3"])
        for text in ("bid 60", "pass", "reserve 60", "60"):
            self.assertEqual(channel.dm("s2", text)[0]["reason"], "BAD_TURN")
        self.assertEqual(bids(channel, s1=60, s3=None)[-1]["price"], 50)

    def test_without_the_manifest_it_opens_the_commitments_only(self):
        end = bids(begun(unseals=False), s1=1, s2=2, s3=3)[-1]
        self.assertEqual((end["unsealed"], len(end["bids"])), (False, 3))


class Messages(unittest.TestCase):
    def test_bids_as_text_and_as_data(self):
        for text in ("bid 120", "I bid 120.", "my bid is 120", "`120`", "Bid: +120"):
            with self.subTest(text):
                self.assertEqual(begun().dm_effects("s1", text)[0]["body"].get("bid"), 120)
        for data in ({"bid": 120}, {"type": "move", "action": "bid", "value": 120}, {"type": "move", "action": "bid", "bid": 120}):
            self.assertEqual(begun().dm_effects("s1", **data)[0]["body"].get("bid"), 120)
        for message in ({"text": "I pass"}, {"type": "move", "action": "pass"}):
            self.assertIsNone(begun().dm_effects("s1", **message)[0]["body"]["bid"])
        for message in ({"text": "reserve 90"}, {"text": "my reserve price is 90"}, {"text": "90"}, {"reserve": 90}):
            self.assertEqual(begun(**SOLD).dm_effects("s1", **message)[0]["body"].get("reserve"), 90)

    def test_bad_bids_are_refused_in_private_and_cost_nothing(self):
        channel = begun(max_bid=200)
        for text in ("bid 0", "bid 201", "bid -5", "bid 1,000", "bid 10.5", "bid 12 or 13", "bid", "bid 120k"):
            with self.subTest(text):
                [refused] = channel.dm("s1", text)
                self.assertEqual((refused["type"], refused["reason"]), ("violation", "BAD_BID"))
        for value in GARBAGE:
            self.assertEqual(channel.dm("s1", bid=value)[0]["reason"], "BAD_BID", value)
        self.assertEqual(reasons(channel.dm_effects("s1", bid=200)), [None, None])
        channel = begun(**SOLD)
        for value in GARBAGE:
            self.assertEqual(channel.dm("s1", reserve=value)[0]["reason"], "BAD_RESERVE", value)

    def test_a_bid_in_public_does_not_count(self):
        for message in ({"text": "bid 120"}, {"text": "My bid is 120"}, {"bid": 120}, {"bid": "secret"}, {"text": "bid 99.5"}, {"text": "pass"}):
            with self.subTest(message):
                channel = begun()
                [refused] = channel.post("s1", **message)
                self.assertEqual((refused["reason"], refused["player"]), ("PUBLIC_BID", "s1"))
                self.assertIn("public now", refused["text"])
                self.assertEqual(reasons(channel.dm_effects("s1", "bid 90")), [None, None], "another one counts")
        self.assertEqual(begun(**SOLD).post("s1", "reserve 30")[0]["reason"], "PUBLIC_BID")

    def test_a_bid_cannot_be_changed_or_withdrawn(self):
        channel = begun(**SOLD)
        channel.dm_effects("s1", "reserve 50")
        bids(channel, s2=120)
        for seat, text in (("s1", "reserve 10"), ("s2", "bid 60"), ("s2", "pass")):
            self.assertEqual(channel.dm(seat, text)[0]["reason"], "ALREADY_SEALED")
        self.assertEqual(bids(channel, s3=80)[-1]["winner"], "s2")

    def test_before_and_after_an_auction(self):
        channel = FakeChannel(AuctionBot, "alice", "bob", "carol")
        channel.join("s1", "s2")
        self.assertEqual(channel.dm("s1", "bid 5")[0]["reason"], "GAME_NOT_STARTED")
        self.assertEqual(channel.post("s1", "bid 5"), [])
        channel.join("s3")
        bids(channel, s1=1, s2=2, s3=3)
        self.assertEqual(channel.dm("s1", "bid 5")[0]["reason"], "GAME_OVER")
        self.assertEqual(channel.post("s1", "bid 5"), [])

    def test_a_message_for_another_turn_does_not_count(self):
        channel = begun(**SOLD)
        channel.dm_effects("s1", "reserve 50")
        for turn_id in (1, 3, "2", [2], {}):
            self.assertEqual(channel.dm("s2", "bid 60", turn_id=turn_id)[0]["reason"], "STALE_TURN")
        self.assertIn("turn 1 is over; this is turn 2", channel.dm("s2", "bid 60", turn_id=1)[0]["text"])
        self.assertEqual(reasons(channel.dm_effects("s2", bid=60, turn_id=2)), [None, None])

    def test_conversation_is_ignored(self):
        channel = begun()
        for text in ("hello", "120", "who bids?", "I will pass on dinner", "bidding is fun", "my bid", ""):
            self.assertEqual(channel.post("s1", text), [], text)
        self.assertEqual(channel.post("bot:other", "bid 5"), [])
        self.assertEqual(channel.post("s1", "bid 5", kind="aside"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])
        self.assertEqual(types(channel.dm("s1", "what?")), ["help"])

    def test_garbage_never_raises(self):
        fields = ("bid", "reserve", "type", "action", "turn_id", "text", "tenure", "value")
        for phase in ("waiting", "starting", "reserve", "bidding", "over"):
            channel = FakeChannel(AuctionBot, "alice", "bob", "carol", turn_seconds=60, **SOLD)
            channel.is_slow = phase == "starting"
            channel.join("s1", "s2", *(["s3"] if phase != "waiting" else []))
            if phase in ("bidding", "over"):
                channel.dm_effects("s1", "reserve 5")
            if phase == "over":
                bids(channel, s2=5, s3=3)
            self.assertEqual(channel.state["phase"], phase)
            for field, value in itertools.product(fields, GARBAGE):
                for more in ({}, {"type": "move"}, {"type": "move", "action": "bid"}, {"type": "move", "action": "pass"}):
                    body = {**more, field: value}
                    for sender in ("s1", "s2", "s9"):
                        channel.run_hook("on_message", {"sender": sender, "kind": "user", "body": body})
                        if field not in ("bid", "reserve") and "action" not in body or sender == "s9":
                            channel.run_hook("on_private_message", sender, body)
                channel.run_hook("on_timer", str(value))
        for text in ("bid " + "9" * 5000, "bid " * 3000 + "1", "bid \u0663", "\x00", "bid -", "bid is"):
            channel = begun()
            self.assertIn(channel.dm("s1", text)[0]["type"], ("violation", "help"))
            channel.post("s1", text)

    def test_status_and_help(self):
        channel = begun(**SOLD)
        channel.dm_effects("s1", "reserve 77")
        bids(channel, s2=120)
        status = channel.post("s3", "!status")[0]
        self.assertEqual((status["answered"], status["turn_id"], status["reserve"], "turn" in status), (["s2"], 2, "sealed", False))
        self.assertNotRegex(json.dumps(status), r"\b120\b")
        self.assertEqual(channel.dm("s3", "!status"), [status])
        self.assertEqual(channel.dm("s2", "!status"), [status | {"sealed": {"game": 1, "player": "s2", "bid": 120}}], "its own bid")
        self.assertEqual(channel.dm("s1", "!status")[0]["sealed"]["reserve"], 77)
        self.assertEqual(channel.dm("s3", "!help"), channel.post("s1", "!help"))


class Sealing(unittest.TestCase):
    def readable(self, channel, seat):
        """Returns what a seat can read, as JSON."""
        return json.dumps([effect["body"] for effect in channel.log if effect["to"] in (None, seat)])

    def test_bids_are_private_until_the_end(self):
        channel = begun(**SOLD)
        channel.dm_effects("s1", "reserve 77777")
        bids(channel, s2=88888)
        for seat in ("s1", "s3"):
            self.assertNotRegex(self.readable(channel, seat), r"\b88888\b")
        self.assertNotRegex(self.readable(channel, "s2"), r"\b77777\b")
        bids(channel, s3=None)
        self.assertIn("88888", self.readable(channel, "s3"))

    def test_a_pass_looks_like_a_bid(self):
        shown = []
        for bid in (None, 120):
            channel = begun()
            bids(channel, s1=bid)
            post = channel.last("sealed")
            shown.append(json.dumps(post).replace(post["commitment"], "..."))
            self.assertEqual(channel.post("s2", "!status")[0]["answered"], ["s1"])
        self.assertEqual(*shown)

    def test_closing_in_the_middle_opens_nothing(self):
        for answers in ({}, {"s1": 88888}):
            channel = begun(turn_seconds=60, unseals=True)
            bids(channel, **answers)
            [end] = channel.close()
            self.assertEqual((end["winner"], end["reason"], end["unsealed"], "bids" in end), (None, "closed", False, False))
            self.assertNotRegex(self.readable(channel, "s2"), r"\b88888\b")
            self.assertEqual((channel.persisted["unsealed"], channel.timers, channel.held_seconds), (0, {}, 0))
            self.assertEqual(channel.persisted["stream"] is None, not answers, "the seed opens the salts of bids")
            self.assertEqual("stays sealed" in end["text"], bool(answers))
            self.assertNotIn("rematch", end["text"])
            self.assertEqual(channel.close(), [])
        channel = begun(**SOLD)
        channel.dm_effects("s1", "reserve 77777")
        channel.close()
        self.assertNotRegex(self.readable(channel, "s2"), r"\b77777\b")
        self.assertIsNotNone(channel.persisted["stream"])

    def test_a_new_holder_of_the_seat_inherits_nothing(self):
        channel = begun()
        bids(channel, s1=88888)
        channel.leave("s1")
        channel.join("s1")
        self.assertNotRegex(json.dumps(channel.dm("s1", "!status")), r"\b88888\b")
        self.assertEqual(channel.dm("s1", "bid 5")[0]["reason"], "NOT_A_PLAYER")
        end = bids(channel, s2=3, s3=4)[-1]
        self.assertEqual((end["winner"], end["price"], len(end["bids"])), ("s1", 4, 3), "the bid stands")
        self.assertEqual(channel.state["left"], {})

    def test_many_long_bids_fit_into_a_post(self):
        channel = FakeChannel(AuctionBot, *["\u00e4" * 64] * 31, max_bid=10**12, item="\u00f6" * 200)
        seats = [f"s{number}" for number in range(1, 32)]
        channel.join(*seats)
        self.assertEqual(len(bids(channel, **dict.fromkeys(seats, 10**12))[-1]["bids"]), 31)


class Course(unittest.TestCase):
    def test_the_clock_ends_bidding(self):
        channel = begun(turn_seconds=90)
        turn = channel.last("bot:turn")
        self.assertEqual((turn["deadline"], channel.timers, channel.held_seconds), ("2023-11-14T22:14:50.000Z", {"turn": 90}, 3780))
        channel.advance(60)
        bids(channel, s1=50)
        self.assertEqual(channel.last("sealed")["deadline"], "2023-11-14T22:14:50.000Z")
        self.assertEqual(channel.run_hook("on_timer", "turn"), [], "too early")
        [end] = channel.advance(30)
        self.assertEqual((end["winner"], end["price"], len(end["bids"])), ("s1", 1, 1))
        self.assertEqual(channel.advance(500), [])
        self.assertEqual(begun(turn_seconds=5).advance(5)[0]["reason"], "no_bids")
        self.assertNotIn("deadline", begun().last("bot:turn"))

    def test_the_clock_for_the_reserve_price(self):
        channel = begun(turn_seconds=90, **SOLD)
        channel.advance(60)
        channel.dm_effects("s1", "reserve 50")
        self.assertEqual(channel.timers, {"turn": 90})
        [end] = begun(turn_seconds=90, **SOLD).advance(90)
        self.assertEqual((end["winner"], end["reason"]), (None, "time"))

    def test_leaving_withdraws_no_bid(self):
        channel = begun()
        bids(channel, s1=50)
        [left] = channel.leave("s1")
        self.assertEqual((left["type"], left["turn"]), ("player_left", ["s2", "s3"]))
        self.assertEqual(types(channel.leave("s2")), ["player_left"])
        end = bids(channel, s3=40)[-1]
        self.assertEqual((end["winner"], end["price"], len(end["bids"])), ("s1", 40, 2), "s2 had not bid")
        channel = begun()
        bids(channel, s1=50, s2=20)
        left, end = channel.leave("s3")
        self.assertEqual((left["type"], "turn" in left, end["winner"]), ("player_left", False, "s1"))
        channel = begun(1)
        self.assertEqual(channel.leave("s1")[-1]["reason"], "no_bids")

    def test_a_seller_who_leaves(self):
        [end] = begun(**SOLD).leave("s1")
        self.assertEqual((end["winner"], end["reason"]), (None, "leave"))
        channel = begun(**SOLD)
        channel.dm_effects("s1", "reserve 50")
        self.assertEqual(channel.leave("s1")[0]["turn"], ["s2", "s3"])
        end = bids(channel, s2=60, s3=55)[-1]
        self.assertEqual((end["winner"], end["price"], end["reserve"]), ("s2", 55, 50), "the offer stands")
        self.assertTrue(proves(end["reserve_proof"], channel.last("reserve_sealed")["commitment"]))

    def test_bidders_who_leave_before_bidding_opens(self):
        channel = begun(**SOLD)
        self.assertEqual(channel.leave("s2")[0]["turn"], ["s1"])
        self.assertEqual(channel.leave("s3")[0]["reason"], "leave")

    def test_starting_by_votes_and_again(self):
        channel = FakeChannel(AuctionBot, "alice", "bob", "carol")
        channel.join("s1")
        self.assertEqual(types(channel.post("s1", "start")), ["start_vote"])
        channel.join("s2")
        self.assertEqual(types(channel.post("s2", type="move", action="rematch")), ["game_start", "bot:turn"])
        self.assertEqual(channel.join("s3"), [])
        self.assertEqual(types(channel.post("s1", "start")), ["status"])
        self.assertEqual(channel.dm("s3", "bid 5")[0]["reason"], "NOT_A_PLAYER")
        bids(channel, s1=5, s2=6)
        self.assertEqual(types(channel.post("s3", "start")), ["start_vote"])
        start, turn = channel.post("s1", "again")
        self.assertEqual((start["game"], start["players"], turn["turn_id"]), (2, ["s1", "s2", "s3"], 2))
        self.assertEqual(bids(channel, s1=5, s2=6, s3=7)[-1]["game"], 2)

    def test_no_auction_without_its_seller_or_a_bidder(self):
        channel = FakeChannel(AuctionBot, "alice", "bob", **SOLD)
        channel.join("s2")
        self.assertEqual(types(channel.post("s2", "start")), ["status"])
        channel = FakeChannel(AuctionBot, "alice", **SOLD)
        self.assertEqual(channel.join("s1"), [])

    def test_waiting_for_randomness(self):
        channel = FakeChannel(AuctionBot, "alice", "bob", **SOLD)
        channel.is_slow = True
        channel.join("s1", "s2")
        self.assertEqual((channel.state["phase"], channel.held_seconds), ("starting", 3600))
        self.assertEqual(channel.dm("s2", "bid 5")[0]["reason"], "GAME_NOT_STARTED")
        for message in ("start", None):
            channel.fail_to_start()
            channel.post("s1", message) if message else channel.dm("s2", "bid 5")
            self.assertIsNotNone(channel.persisted["starting"], "asks again")
        self.assertEqual(channel.leave("s1"), [])
        self.assertEqual(types(channel.answer_start()), ["start_cancelled"])
        self.assertEqual((channel.held_seconds, channel.persisted["stream"]), (0, None))
        self.assertEqual(channel.close(), [])

    def test_an_auction_holds_the_seats(self):
        channel = begun()
        self.assertEqual(channel.held_seconds, 3600)
        channel.advance(3000)
        channel.dm("s1", "bid 0")
        self.assertEqual(channel.held_seconds, 600, "an invalid bid renews nothing")
        bids(channel, s1=5)
        self.assertEqual(channel.held_seconds, 3600)
        bids(channel, s2=9, s3=4)
        self.assertEqual(channel.held_seconds, 0)

    def test_invalid_params_are_refused(self):
        for params, word in (({"size": 4}, "no parameter"), ({"item": ""}, "'item'"), ({"item": 5}, "'item'"), ({"price": "third"}, "'price'"),
                             ({"price": []}, "'price'"), ({"seller": 3}, "'seller'"), ({"seller": "nobody"}, "'seller'"), ({"min_bid": -1}, "'min_bid'"),
                             ({"min_bid": 9, "max_bid": 9}, "'min_bid'"), ({"max_bid": 10**13}, "'max_bid'"), ({"step": 0}, "'step'"),
                             ({"step": True}, "'step'"), ({"reserve": "sealed"}, "'seller'"), ({"reserve": 0}, "'reserve'"), ({"reserve": []}, "'reserve'"),
                             ({"turn_seconds": 0}, "'turn_seconds'")):
            with self.subTest(params), self.assertRaisesRegex(ValueError, word):
                begun(**params)


if __name__ == "__main__":
    unittest.main()
