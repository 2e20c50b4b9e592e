"""The rules of GuessBot, as plain Python: `python3 -m unittest discover bots/python/tests`."""

import hashlib
import json
import pathlib
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import table as tables  # noqa: E402
from table import types  # noqa: E402

guess_bot = tables.load("guess_bot")


class Table(tables.Table):
    def __init__(self, *labels, **more):
        super().__init__(guess_bot.GuessBot, *labels, **more)

    @property
    def secret(self):
        return self.state["target"]

    def wrong(self):
        """A guess in range that misses."""
        low, high = self.params.get("range", [1, 100])
        return low if self.secret != low else high


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
        state = table.state
        told = json.dumps(table.log)
        self.assertNotIn(str(state["target"]), told)
        self.assertNotIn(state["salt"], told)

    def test_the_secret_is_forgotten_once_it_is_revealed(self):
        table = Table("alice", "bob")
        table.join("s1", "s2")
        table.say("s1", "concede")
        state = table.state
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
        bot = guess_bot.GuessBot(tables.Context({"state": "{}"}, []), {})
        self.assertEqual([bot.hint(d) for d in (1, 5, 6, 10, 11, 20, 21, 99)],
                         ["very close"] * 2 + ["close"] * 2 + ["getting warm"] * 2 + ["cold"] * 2)

    def test_what_counts_as_a_guess(self):
        n = self.table.wrong()
        for text in (f"guess {n}", f"{n}", f"{n}!", f" {n}. ", f"**{n}**", f"Guess: {n}", f"my guess is {n}",
                     f"I'll guess {n}, ok?", f"GUESS={n}", f"!guess {n}", f"I guess {n}. Yes, {n}!"):
            table = Table("alice", "bob")
            table.join("s1", "s2")
            table.state = dict(table.state, target=self.table.secret)
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


class Entropy(unittest.TestCase):
    def test_the_start_names_whose_randomness_is_in_the_draw(self):
        for contributors, told in ((None, "alice, bob"), (["s2"], "bob"), ([], "the relay only")):
            table = Table("alice", "bob", contributors=contributors)
            table.join("s1", "s2")
            start = table.last("game_start")
            self.assertEqual(start["entropy_from"], ["s1", "s2"] if contributors is None else contributors)
            self.assertIn(f"Randomness in the draw from: {told}.", start["text"])

    def test_the_stream_opens_with_the_game_and_is_revealed_after_it(self):
        table = Table("alice", "bob")
        table.join("s1")
        self.assertIsNone(table.kept["stream"])
        table.join("s2")
        self.assertEqual(table.kept["stream"], ["s1", "s2"])
        table.say("s1", "concede")
        self.assertIsNone(table.kept["stream"])
        table.say("s1", "start")
        table.say("s2", "start")
        self.assertEqual(table.kept["stream"], ["s1", "s2"])


class Clock(unittest.TestCase):
    def begun(self, **params):
        table = Table("alice", "bob", turn_seconds=60, **params)
        table.join("s1", "s2")
        return table

    def test_there_is_none_unless_it_is_asked_for(self):
        table = Table("alice", "bob")
        table.join("s1", "s2")
        self.assertEqual(table.timers, {})
        self.assertNotIn("A turn has", table.say("s1", "!help")[0]["text"])
        self.assertEqual(table.hook("on_timer", "turn"), [])

    def test_it_warns_and_then_the_turn_passes(self):
        table = self.begun()
        self.assertIn("A turn has 60 s", table.last("prompt")["text"] + table.say("s1", "!help")[0]["text"])
        self.assertEqual(table.wait(39), [])
        self.assertEqual([(b["type"], b["player"], b["seconds_left"]) for b in table.wait(1)], [("bot:clock", "s1", 20)])
        late, turn = table.wait(20)
        self.assertEqual((late["type"], late["player"], late["result"], turn["player"]), ("time_up", "s1", "pass", "s2"))

    def test_a_guess_winds_it_up_again(self):
        table = self.begun()
        table.wait(59)
        table.say("s1", guess=table.wrong())
        self.assertEqual(table.wait(39), [])
        self.assertEqual(types(table.wait(1)), ["bot:clock"])

    def test_a_bad_move_does_not(self):
        table = self.begun()
        table.wait(59)
        table.say("s1", "guess 1000")
        self.assertEqual(types(table.wait(1)), ["time_up", "bot:turn"])

    def test_a_timer_that_fired_for_an_earlier_turn_does_nothing(self):
        table = self.begun()
        table.wait(10)
        table.say("s1", guess=table.wrong())
        self.assertEqual(table.hook("on_timer", "turn") + table.hook("on_timer", "warn"), [])

    def test_a_forfeit_ends_a_game_of_two(self):
        table = self.begun(on_timeout="forfeit")
        table.wait(60)
        end = table.last("game_end")
        self.assertEqual((end["winner"], end["reason"], table.timers), ("s2", "time", {}))

    def test_a_table_that_everybody_left_ends_the_game(self):
        table = self.begun()
        self.assertEqual(table.wait(239)[-1]["type"], "bot:clock")
        end = table.wait(1)[-1]
        self.assertEqual((end["type"], end["winner"], end["reason"]), ("game_end", None, "time"))
        self.assertEqual(table.timers, {})


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
                             ({"max_guesses": 0}, "'max_guesses'"), ({"max_guesses": "9"}, "'max_guesses'"),
                             ({"turn_seconds": 0}, "'turn_seconds'"), ({"turn_seconds": 9.5}, "'turn_seconds'"),
                             ({"on_timeout": "stop"}, "'on_timeout'")):
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
