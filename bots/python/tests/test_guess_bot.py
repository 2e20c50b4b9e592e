"""The rules of GuessBot, as plain Python: `python3 -m unittest discover bots/python/tests`.

The table below stands in for the relay: a fresh instance for every hook, state only through JSON, effects
that count only when the hook succeeds. The sandbox and the real relay have tests of their own.
"""

import hashlib
import importlib.util
import json
import pathlib
import subprocess
import sys
import unittest

PATH = pathlib.Path(__file__).parent.parent / "presets" / "guess_bot.py"
SPEC = importlib.util.spec_from_file_location("guess_bot", PATH)
guess_bot = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(guess_bot)


class Context:
    """What one hook sees, and what it leaves behind."""

    def __init__(self, state, slots):
        self.state = state
        self.slots = slots
        self.players = [{"slot_id": s["slot_id"], "label": s["label"]}
                        for s in slots if s["kind"] == "invite" and s["filled"]]
        self.effects = []

    def get_state(self):
        return json.loads(self.state)

    def set_state(self, state):
        self.state = json.dumps(state, allow_nan=False)

    def post(self, kind, body):
        self.effects.append({"kind": kind, "to": None, "body": plain_json(body)})

    def dm(self, slot_id, kind, body):
        if slot_id not in [player["slot_id"] for player in self.players]:
            raise ValueError(f"no player holds slot {slot_id!r}")
        self.effects.append({"kind": kind, "to": slot_id, "body": plain_json(body)})


def plain_json(body):
    copy = json.loads(json.dumps(body, allow_nan=False))
    assert copy == body, "tuples, sets and keys that are no text do not survive the log"
    assert copy["type"] and copy["text"], "every post speaks to programs and to people"
    for value in copy.values():
        assert not isinstance(value, int) or abs(value) < 2**53
    return copy


class Table:
    def __init__(self, *labels, **params):
        self.params = params
        self.slots = [{"slot_id": "s0", "label": "referee", "kind": "bot", "filled": True}]
        self.slots += [{"slot_id": f"s{n}", "label": label, "kind": "invite", "filled": False}
                       for n, label in enumerate(labels, 1)]
        self.state = "{}"
        self.log = []
        self.hook("on_init")

    def hook(self, hook, *args):
        """Runs one hook and returns what it posted."""
        ctx = Context(self.state, json.loads(json.dumps(self.slots)))
        bot = guess_bot.GuessBot(ctx, json.loads(json.dumps(self.params)))
        getattr(bot, hook)(*args)
        self.state = ctx.state
        self.log += ctx.effects
        return [effect["body"] for effect in ctx.effects]

    def join(self, *seats):
        posted = []
        for seat in seats:
            self.slots[int(seat[1:])]["filled"] = True
            posted += self.hook("on_join", seat)
        return posted

    def leave(self, seat):
        self.slots[int(seat[1:])]["filled"] = False
        return self.hook("on_leave", seat)

    def say(self, seat, text=None, kind="user", **data):
        body = dict(data) if text is None else dict(data, text=text)
        return self.hook("on_message", {"id": 1, "channel_id": "chn_1", "sender": seat, "kind": kind,
                                        "body": body, "ts": "2026-01-01T00:00:00.000Z", "to_slot": None})

    def dm(self, seat, text):
        """What the bot answers in private; it may post nothing in public."""
        before = len(self.log)
        bodies = self.hook("on_private_message", seat, {"text": text})
        assert all(effect["to"] == seat for effect in self.log[before:])
        return bodies

    @property
    def secret(self):
        return json.loads(self.state)["target"]

    def wrong(self):
        """A guess in range that misses."""
        low, high = self.params.get("range", [1, 100])
        return low if self.secret != low else high

    def last(self, event):
        return [e["body"] for e in self.log if e["body"]["type"] == event][-1]


def types(bodies):
    return [body["type"] for body in bodies]


class Commitment(unittest.TestCase):
    def test_comes_in_the_same_breath_as_the_start_and_before_the_first_turn(self):
        table = Table("alice", "bob")
        self.assertEqual(types(table.join("s1")), ["player_joined"])
        self.assertEqual(types(table.join("s2")),
                         ["player_joined", "game_start", "bot:commit", "bot:turn"])

    def test_holds_at_the_end(self):
        table = Table("alice", "bob")
        table.join("s1", "s2")
        published = table.last("bot:commit")["commitment_hash"]
        target = table.secret
        self.assertEqual(types(table.say("s1", f"guess {target}")), ["judge", "bot:reveal", "game_end"])
        reveal = table.last("bot:reveal")
        self.assertEqual(reveal["target"], target)
        self.assertRegex(reveal["salt"], r"^\|[0-9a-f]{32}$")
        self.assertEqual(reveal["hash"], published)
        text = str(reveal["target"]) + reveal["salt"]
        self.assertEqual(hashlib.sha256(text.encode()).hexdigest(), published)

    def test_its_lines_of_python_can_be_pasted(self):
        for params in ({}, {"range": [-9, -1]}):
            table = Table("alice", "bob", **params)
            table.join("s1", "s2")
            table.say("s1", "concede")
            commit, reveal = table.last("bot:commit"), table.last("bot:reveal")
            given = f"target, salt = {reveal['target']}, {reveal['salt']!r}\n"
            for program in (reveal["verify"], given + commit["verify"]):
                answer = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)
                self.assertEqual((answer.stdout, answer.stderr), ("True\n", ""))
            forged = reveal["verify"].replace(reveal["hash"], "0" * 64)
            answer = subprocess.run([sys.executable, "-I", "-c", forged], capture_output=True, text=True)
            self.assertEqual(answer.stdout, "False\n")

    def test_nothing_tells_the_secret_before_the_reveal(self):
        table = Table("alice", "bob", "carol", range=[10**12, 10**13])
        table.join("s1", "s2", "s3")
        table.say("s1", "guess 3000000000000")
        for text in ("!status", "!help", "guess x", "start", "42", "guess"):
            table.say("s1", text)
            table.say("s2", text)
            table.dm("s3", text)
        table.say("s2", guess={"deep": []})
        table.leave("s3")
        state = json.loads(table.state)
        told = json.dumps(table.log)
        self.assertNotIn(str(state["target"]), told)
        self.assertNotIn(state["salt"], told)

    def test_the_secret_is_forgotten_once_it_is_revealed(self):
        table = Table("alice", "bob")
        table.join("s1", "s2")
        table.say("s1", "concede")
        state = json.loads(table.state)
        self.assertEqual((state["target"], state["salt"]), (None, None))

    def test_every_game_draws_anew_within_the_range(self):
        table = Table("alice", "bob", range=[5, 7])
        table.join("s1", "s2")
        seen, hashes = set(), set()
        for game in range(1, 201):
            self.assertEqual(table.last("bot:commit")["game"], game)
            seen.add(table.secret)
            table.say("s1", "concede")
            hashes.add(table.last("bot:reveal")["hash"])
            table.say("s1", "start")
            table.say("s2", "start")
        self.assertEqual(seen, {5, 6, 7})
        self.assertEqual(len(hashes), 200)


class Start(unittest.TestCase):
    def test_when_every_invite_slot_is_filled(self):
        table = Table("alice", "bob", "carol")
        self.assertNotIn("game_start", types(table.join("s2", "s3")))
        self.assertIn("game_start", types(table.join("s1")))
        self.assertEqual(table.last("game_start")["players"], ["s2", "s3", "s1"])
        self.assertEqual(table.last("bot:turn")["player"], "s2")

    def test_when_two_seated_players_say_so(self):
        table = Table("alice", "bob", "carol")
        table.join("s3", "s1")
        self.assertEqual(types(table.say("s3", "start")), ["start_vote"])
        self.assertEqual(types(table.say("s3", "START!")), ["start_vote"])
        self.assertEqual(types(table.say("s1", "!start")), ["game_start", "bot:commit", "bot:turn"])
        self.assertEqual(types(table.join("s2")), ["player_joined"])
        self.assertEqual(table.say("s2", "guess 1")[0]["reason"], "NOT_A_PLAYER")

    def test_a_voter_who_left_does_not_count(self):
        table = Table("alice", "bob", "carol")
        table.join("s1", "s2")
        table.say("s1", "start")
        table.leave("s1")
        self.assertEqual(types(table.say("s2", "start")), ["start_vote"])

    def test_alone_in_a_channel_of_one(self):
        table = Table("alice")
        self.assertIn("game_start", types(table.join("s1")))
        table.say("s1", f"{table.wrong()}")
        self.assertEqual(table.last("bot:turn"), table.last("bot:turn") | {"player": "s1", "turn_number": 2})
        self.assertIsNone(table.say("s1", "concede")[-1]["winner"])
        self.assertIn("game_start", types(table.say("s1", "start")))

    def test_again_after_the_end_with_everyone_seated(self):
        table = Table("alice", "bob")
        table.join("s1", "s2")
        table.say("s1", "concede")
        table.leave("s1")
        self.assertEqual(types(table.say("s2", "rematch")), ["start_vote"])
        self.assertEqual(types(table.join("s1")), ["player_joined"])
        table.say("s1", "start")
        self.assertEqual(table.last("game_start"), table.last("game_start") | {"game": 2, "players": ["s2", "s1"]})

    def test_while_a_game_runs_it_only_tells_how_it_stands(self):
        table = Table("alice", "bob")
        table.join("s1", "s2")
        self.assertEqual(types(table.say("s1", "start") + table.say("s2", "start")), ["status", "status"])

    def test_a_random_turn_order_is_one_of_all(self):
        orders = set()
        for _ in range(200):
            table = Table("alice", "bob", "carol", turn_order="random")
            table.join("s1", "s2", "s3")
            orders.add(tuple(table.last("game_start")["turn_order"]))
            self.assertEqual(table.last("bot:turn")["player"], table.last("game_start")["turn_order"][0])
        self.assertEqual(len(orders), 6)


class Play(unittest.TestCase):
    def setUp(self):
        self.table = Table("alice", "bob")
        self.table.join("s1", "s2")

    def test_high_low_correct_in_turns(self):
        table = self.table
        for count, seat in enumerate(("s1", "s2", "s1"), 1):
            guess = table.wrong()
            judge, turn = table.say(seat, f"guess {guess}")
            self.assertEqual(judge["result"], "high" if guess > table.secret else "low")
            self.assertEqual((judge["player"], judge["guess"], judge["guess_count"]), (seat, guess, count))
            self.assertEqual((turn["type"], turn["turn_number"]), ("bot:turn", count + 1))
            self.assertNotEqual(turn["player"], seat)
        end = table.say("s2", f"guess {table.secret}")[-1]
        self.assertEqual((end["winner"], end["reason"], end["total_guesses"]), ("s2", "correct", 4))

    def test_hints_follow_the_distance(self):
        bot = guess_bot.GuessBot(Context("{}", []), {})
        self.assertEqual([bot.hint(d) for d in (1, 5, 6, 10, 11, 20, 21, 99)],
                         ["very close"] * 2 + ["close"] * 2 + ["getting warm"] * 2 + ["cold"] * 2)

    def test_what_counts_as_a_guess(self):
        n = self.table.wrong()
        for text in (f"guess {n}", f"{n}", f"{n}!", f" {n}. ", f"**{n}**", f"Guess: {n}", f"my guess is {n}",
                     f"I'll guess {n}, ok?", f"GUESS={n}", f"!guess {n}", f"I guess {n}. Yes, {n}!"):
            table = Table("alice", "bob")
            table.join("s1", "s2")
            state = json.loads(table.state)
            table.state = json.dumps(dict(state, target=self.table.secret))
            with self.subTest(text):
                self.assertEqual(table.say("s1", text)[0].get("guess"), n)

    def test_a_guess_as_data(self):
        n = self.table.wrong()
        self.assertEqual(self.table.say("s1", "here it comes", guess=n)[0]["guess"], n)
        self.assertEqual(self.table.say("s2", type="move", action="guess", value=n)[0]["guess"], n)
        self.assertEqual(types(self.table.say("s1", type="move", action="concede"))[0], "concede")

    def test_a_bad_move_costs_nothing(self):
        for text in ("guess 0", "guess 101", "guess -5", "guess \u22125", "guess 4.5", "4.5", "1,000", "guess 4.5x",
                     "guess 41 or 42", "guess 40-50", "guess", "guess high", "9" * 5000, "guess 1e2"):
            with self.subTest(text[:20]):
                said = self.table.say("s1", text)
                self.assertEqual([b.get("reason") for b in said], ["BAD_MOVE"])
        for value in (None, True, "42", 42.5, [42], {"n": 42}, 2**53 - 1):
            with self.subTest(value):
                self.assertEqual(self.table.say("s1", guess=value)[0]["reason"], "BAD_MOVE")
                self.assertEqual(self.table.say("s1", type="move", action="guess", value=value)[0]["reason"], "BAD_MOVE")
        self.assertEqual(self.table.say("s1", f"guess {self.table.wrong()}")[0]["guess_count"], 1)

    def test_a_guess_out_of_turn(self):
        said = self.table.say("s2", "guess 42")
        self.assertEqual([(b["reason"], b["player"]) for b in said], [("BAD_TURN", "s2")])

    def test_talk_is_free(self):
        for text in ("hello", "guess who I am", "I guess so", "s1 is on 2nd place", "see you at 8 pm", "startle",
                     "let's start soon", "I will never concede", "", "status", "!roll 6", "50%", "guessing is fun"):
            with self.subTest(text):
                self.assertEqual(self.table.say("s2", text), [])
        self.assertEqual(self.table.say("s1", "I guess so"), [])
        self.assertEqual(self.table.say("s1"), [])
        deleted = {"id": 9, "sender": "s1", "kind": "user", "body": None}
        self.assertEqual(self.table.hook("on_message", deleted), [])
        self.assertEqual(self.table.say("s1", "guess 42", kind="aside"), [])

    def test_other_bots_are_not_players(self):
        self.assertEqual(self.table.say("bot:bot_other", "guess 42"), [])
        self.assertEqual(self.table.say("system", "start"), [])

    def test_before_the_start_and_after_the_end(self):
        table = Table("alice", "bob")
        table.join("s1")
        self.assertEqual(table.say("s1", "guess 42")[0]["reason"], "GAME_NOT_STARTED")
        self.assertEqual(table.say("s1", "concede")[0]["reason"], "GAME_NOT_STARTED")
        table.join("s2")
        table.say("s1", "concede")
        self.assertEqual(table.say("s2", "42")[0]["reason"], "GAME_OVER")
        self.assertEqual(table.say("s2", "concede")[0]["reason"], "GAME_OVER")

    def test_guesses_can_be_limited(self):
        table = Table("alice", "bob", max_guesses=2)
        table.join("s1", "s2")
        table.say("s1", guess=table.wrong())
        said = table.say("s2", guess=table.wrong())
        self.assertEqual(types(said), ["judge", "bot:reveal", "game_end"])
        self.assertEqual((said[-1]["winner"], said[-1]["reason"]), (None, "max_guesses"))

    def test_the_last_guess_allowed_may_win(self):
        table = Table("alice", "bob", max_guesses=1)
        table.join("s1", "s2")
        self.assertEqual(table.say("s1", guess=table.secret)[-1]["winner"], "s1")


class Leaving(unittest.TestCase):
    def setUp(self):
        self.table = Table("alice", "bob", "carol")
        self.table.join("s1", "s2", "s3")

    def test_concede_passes_the_turn_and_the_last_one_wins(self):
        said = self.table.say("s1", "I concede.")
        self.assertEqual(types(said), ["concede", "bot:turn"])
        self.assertEqual(said[-1]["player"], "s2")
        said = self.table.say("s3", "concede")
        self.assertEqual(types(said), ["concede", "bot:reveal", "game_end"])
        self.assertEqual((said[-1]["winner"], said[-1]["reason"]), ("s2", "concede"))
        self.assertEqual(said[-1]["players"], ["s1", "s2", "s3"])

    def test_leaving_out_of_turn_keeps_the_turn(self):
        self.assertEqual(types(self.table.leave("s3")), ["player_left"])
        self.assertEqual(self.table.say("s1", guess=self.table.wrong())[-1]["player"], "s2")
        self.assertEqual(self.table.say("s2", guess=self.table.wrong())[-1]["player"], "s1")

    def test_leaving_in_turn_passes_it(self):
        self.table.say("s1", guess=self.table.wrong())
        self.table.say("s2", guess=self.table.wrong())
        self.assertEqual(self.table.leave("s3")[-1]["player"], "s1")

    def test_the_last_one_left_wins(self):
        self.table.leave("s2")
        end = self.table.leave("s1")[-1]
        self.assertEqual((end["winner"], end["reason"]), ("s3", "leave"))

    def test_the_next_holder_of_a_seat_waits_for_the_next_game(self):
        self.table.leave("s1")
        self.assertEqual(types(self.table.join("s1")), ["player_joined"])
        self.assertEqual(self.table.say("s1", "guess 42")[0]["reason"], "NOT_A_PLAYER")
        self.table.say("s2", "concede")
        self.table.say("s1", "start")
        self.table.say("s2", "start")
        self.assertEqual(self.table.last("game_start")["players"], ["s2", "s3", "s1"])

    def test_joining_twice_makes_no_ghost(self):
        self.assertEqual(self.table.join("s2"), [])
        self.assertEqual(self.table.last("game_start")["players"], ["s1", "s2", "s3"])
        self.assertEqual(self.table.say("s1", guess=self.table.wrong())[-1]["player"], "s2")

    def test_leaving_twice_or_unknown_is_nothing(self):
        self.table.leave("s2")
        self.assertEqual(self.table.hook("on_leave", "s2"), [])
        self.assertEqual(self.table.hook("on_leave", "s9"), [])


class Commands(unittest.TestCase):
    def test_work_in_public_and_in_private(self):
        table = Table("alice", "bob")
        for phase in ("waiting", "playing", "over"):
            with self.subTest(phase):
                table.join("s1") if phase == "waiting" else None
                public = table.say("s1", "!status")
                self.assertEqual((types(public), public[0]["phase"]), (["status"], phase))
                self.assertEqual(table.dm("s1", "!status"), public)
                self.assertEqual(table.dm("s1", "!help"), table.say("s1", " !HELP "))
                table.join("s2") if phase == "waiting" else table.say("s1", "concede")

    def test_the_status_names_turn_and_commitment(self):
        table = Table("alice", "bob")
        table.join("s1", "s2")
        status = table.dm("s2", "status")[0]
        self.assertEqual((status["current_turn"], status["guess_count"], status["game"]), ("s1", 0, 1))
        self.assertEqual(status["commitment_hash"], table.last("bot:commit")["commitment_hash"])

    def test_moves_are_not_taken_in_private(self):
        table = Table("alice", "bob")
        table.join("s1", "s2")
        before = table.state
        self.assertEqual(types(table.dm("s1", f"guess {table.secret}")), ["error"])
        self.assertEqual(table.state, before)

    def test_who_left_before_the_answer_gets_none(self):
        table = Table("alice", "bob")
        table.join("s1")
        table.slots[1]["filled"] = False
        self.assertEqual(table.dm("s1", "!status"), [])


class Params(unittest.TestCase):
    def test_unfit_ones_are_refused_in_words(self):
        for params, word in (({"target": 5}, "no parameter 'target'"), ({"mode": "word"}, "'mode'"),
                             ({"range": [5, 5]}, "'range'"), ({"range": "1-9"}, "'range'"), ({"range": [1]}, "'range'"),
                             ({"range": [1.5, 9]}, "'range'"), ({"range": [False, True]}, "'range'"),
                             ({"range": [0, 2**53]}, "'range'"), ({"turn_order": "mine"}, "'turn_order'"),
                             ({"max_guesses": 0}, "'max_guesses'"), ({"max_guesses": "9"}, "'max_guesses'")):
            with self.subTest(params), self.assertRaisesRegex(ValueError, word):
                Table("alice", **params)

    def test_fit_ones_are_told_to_the_players(self):
        table = Table("alice", range=[-5, 5], turn_order="random", max_guesses=9, mode="number")
        prompt = table.last("prompt")
        self.assertEqual((prompt["range"], prompt["turn_order"], prompt["max_guesses"]), ([-5, 5], "random", 9))

    def test_the_widest_range_works(self):
        table = Table("alice", range=[1 - 2**53, 2**53 - 1])
        table.join("s1")
        self.assertEqual(table.say("s1", f"guess {table.secret}")[-1]["winner"], "s1")


if __name__ == "__main__":
    unittest.main()
