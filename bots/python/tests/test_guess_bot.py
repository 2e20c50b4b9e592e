"""The rules of GuessBot, run as plain Python: `.venv/bin/python -m unittest discover bots/python/tests`."""

import hashlib
import json
import pathlib
import subprocess
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import fake_channel  # noqa: E402
from fake_channel import types  # noqa: E402

guess_bot = fake_channel.load("guess_bot")


class GuessChannel(fake_channel.FakeChannel):
    def __init__(self, *labels, **more):
        super().__init__(guess_bot.GuessBot, *labels, **more)

    @property
    def secret(self):
        return self.state["target"]

    def wrong_guess(self):
        """Returns a guess in the range that is not the secret."""
        low, high = self.params.get("range", [1, 100])
        return low if self.secret != low else high


class Commitment(unittest.TestCase):
    def test_is_posted_between_the_start_and_the_first_turn(self):
        channel = GuessChannel("alice", "bob")
        self.assertEqual(types(channel.join("s1")), ["player_joined"])
        self.assertEqual(types(channel.join("s2")),
                         ["player_joined", "game_start", "bot:commit", "bot:turn"])

    def test_matches_the_reveal(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        published = channel.last("bot:commit")["commitment_hash"]
        target = channel.secret
        self.assertEqual(types(channel.post("s1", f"guess {target}")), ["judge", "bot:reveal", "game_end"])
        reveal = channel.last("bot:reveal")
        self.assertEqual(reveal["target"], target)
        self.assertRegex(reveal["salt"], r"^\|[0-9a-f]{32}$")
        self.assertEqual(reveal["hash"], published)
        text = str(reveal["target"]) + reveal["salt"]
        self.assertEqual(hashlib.sha256(text.encode()).hexdigest(), published)

    def test_the_posted_verification_code_runs(self):
        for params in ({}, {"range": [-9, -1]}):
            channel = GuessChannel("alice", "bob", **params)
            channel.join("s1", "s2")
            channel.post("s1", "concede")
            reveal = channel.last("bot:reveal")
            answer = subprocess.run([sys.executable, "-I", "-c", reveal["verify"]], capture_output=True, text=True)
            self.assertEqual((answer.stdout, answer.stderr), ("True\n", ""))
            forged = reveal["verify"].replace(reveal["hash"], "0" * 64)
            answer = subprocess.run([sys.executable, "-I", "-c", forged], capture_output=True, text=True)
            self.assertEqual(answer.stdout, "False\n")

    def test_the_secret_is_not_in_any_post_before_the_reveal(self):
        channel = GuessChannel("alice", "bob", "carol", range=[10**12, 10**13])
        channel.join("s1", "s2", "s3")
        channel.post("s1", "guess 3000000000000")
        for text in ("!status", "!help", "guess x", "start", "42", "guess"):
            channel.post("s1", text)
            channel.post("s2", text)
            channel.dm("s3", text)
        channel.post("s2", guess={"deep": []})
        channel.leave("s3")
        state = channel.state
        log = json.dumps(channel.log)
        self.assertNotIn(str(state["target"]), log)
        self.assertNotIn(state["salt"], log)

    def test_the_secret_is_deleted_after_the_reveal(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        channel.post("s1", "concede")
        state = channel.state
        self.assertEqual((state["target"], state["salt"]), (None, None))

    def test_every_game_draws_a_new_number_in_the_range(self):
        channel = GuessChannel("alice", "bob", range=[5, 7])
        channel.join("s1", "s2")
        seen, hashes = set(), set()
        for game in range(1, 201):
            self.assertEqual(channel.last("bot:commit")["game"], game)
            seen.add(channel.secret)
            channel.post("s1", "concede")
            hashes.add(channel.last("bot:reveal")["hash"])
            channel.post("s1", "start")
            channel.post("s2", "start")
        self.assertEqual(seen, {5, 6, 7})
        self.assertEqual(len(hashes), 200)


class Start(unittest.TestCase):
    def test_when_every_invite_slot_is_filled(self):
        channel = GuessChannel("alice", "bob", "carol")
        self.assertNotIn("game_start", types(channel.join("s2", "s3")))
        self.assertIn("game_start", types(channel.join("s1")))
        self.assertEqual(channel.last("game_start")["players"], ["s2", "s3", "s1"])
        self.assertEqual(channel.last("bot:turn")["player"], "s2")

    def test_when_two_seated_players_vote(self):
        channel = GuessChannel("alice", "bob", "carol")
        channel.join("s3", "s1")
        self.assertEqual(types(channel.post("s3", "start")), ["start_vote"])
        self.assertEqual(types(channel.post("s3", "START!")), ["start_vote"])
        self.assertEqual(types(channel.post("s1", "!start")), ["game_start", "bot:commit", "bot:turn"])
        self.assertEqual(types(channel.join("s2")), ["player_joined"])
        self.assertEqual(channel.post("s2", "guess 1")[0]["reason"], "NOT_A_PLAYER")

    def test_the_vote_of_a_leaver_does_not_count(self):
        channel = GuessChannel("alice", "bob", "carol")
        channel.join("s1", "s2")
        channel.post("s1", "start")
        channel.leave("s1")
        self.assertEqual(types(channel.post("s2", "start")), ["start_vote"])

    def test_a_channel_that_is_ready_again_starts_no_second_game(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        self.assertEqual(channel.run_hook("on_ready"), [], "as when another bot was attached")
        channel.post("s1", "concede")
        self.assertEqual(channel.run_hook("on_ready"), [])

    def test_the_last_player_to_join_does_not_disturb_a_game_that_others_started(self):
        channel = GuessChannel("alice", "bob", "carol")
        channel.join("s1", "s2")
        channel.post("s1", "start")
        channel.post("s2", "start")
        self.assertEqual(types(channel.join("s3")), ["player_joined"])

    def test_a_channel_whose_players_have_not_accepted_its_terms_starts_no_game(self):
        channel = GuessChannel("alice", "bob")
        channel.was_ready = True  # the relay calls on_ready only when both have accepted
        channel.join("s1", "s2")
        self.assertEqual(channel.bodies("game_start"), [])
        self.assertIn("game_start", types(channel.run_hook("on_ready")))

    def test_who_has_not_accepted_the_terms_does_not_play(self):
        channel = GuessChannel("alice", "bob", "carol")
        channel.was_ready = True  # carol's acceptance is missing
        channel.join("s1", "s2", "s3")
        channel.slots[3]["may_post"] = False
        channel.post("s1", "start")
        self.assertIn("game_start", types(channel.post("s2", "start")))
        self.assertEqual(channel.last("game_start")["players"], ["s1", "s2"])

    def test_a_single_player_can_play_alone(self):
        channel = GuessChannel("alice")
        self.assertIn("game_start", types(channel.join("s1")))
        channel.post("s1", f"{channel.wrong_guess()}")
        self.assertEqual(channel.last("bot:turn"), channel.last("bot:turn") | {"player": "s1", "turn_id": 2})
        self.assertIsNone(channel.post("s1", "concede")[-1]["winner"])
        self.assertIn("game_start", types(channel.post("s1", "start")))

    def test_a_rematch_includes_everybody_who_is_seated(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        channel.post("s1", "concede")
        channel.leave("s1")
        self.assertEqual(types(channel.post("s2", "rematch")), ["start_vote"])
        self.assertEqual(types(channel.join("s1")), ["player_joined"])
        channel.post("s1", "start")
        self.assertEqual(channel.last("game_start"), channel.last("game_start") | {"game": 2, "players": ["s2", "s1"]})

    def test_votes_during_a_game_only_return_the_status(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        self.assertEqual(types(channel.post("s1", "start") + channel.post("s2", "start")), ["status", "status"])

    def test_a_random_turn_order_can_be_any_order(self):
        orders = set()
        for _ in range(200):
            channel = GuessChannel("alice", "bob", "carol", turn_order="random")
            channel.join("s1", "s2", "s3")
            orders.add(tuple(channel.last("game_start")["players"]))
            self.assertEqual(channel.last("bot:turn")["player"], channel.last("game_start")["players"][0])
        self.assertEqual(len(orders), 6)


class Play(unittest.TestCase):
    def setUp(self):
        self.channel = GuessChannel("alice", "bob")
        self.channel.join("s1", "s2")

    def test_guesses_are_judged_in_turn(self):
        channel = self.channel
        for count, seat in enumerate(("s1", "s2", "s1"), 1):
            guess = channel.wrong_guess()
            judge, turn = channel.post(seat, f"guess {guess}")
            self.assertEqual(judge["result"], "high" if guess > channel.secret else "low")
            self.assertEqual((judge["player"], judge["guess"], judge["guess_count"]), (seat, guess, count))
            self.assertEqual((turn["type"], turn["turn_id"]), ("bot:turn", count + 1))
            self.assertNotEqual(turn["player"], seat)
        end = channel.post("s2", f"guess {channel.secret}")[-1]
        self.assertEqual((end["winner"], end["reason"], end["total_guesses"]), ("s2", "correct", 4))

    def test_hints_follow_the_distance(self):
        bot = guess_bot.GuessBot(fake_channel.Context({"state": "{}"}, []), {})
        self.assertEqual([bot.hint(d) for d in (1, 5, 6, 10, 11, 20, 21, 99)],
                         ["very close"] * 2 + ["close"] * 2 + ["getting warm"] * 2 + ["cold"] * 2)

    def test_texts_that_are_guesses(self):
        n = self.channel.wrong_guess()
        for text in (f"guess {n}", f"{n}", f"{n}!", f" {n}. ", f"**{n}**", f"Guess: {n}", f"my guess is {n}",
                     f"I'll guess {n}, ok?", f"GUESS={n}", f"!guess {n}", f"I guess {n}. Yes, {n}!"):
            channel = GuessChannel("alice", "bob")
            channel.join("s1", "s2")
            channel.state = dict(channel.state, target=self.channel.secret)
            with self.subTest(text):
                self.assertEqual(channel.post("s1", text)[0].get("guess"), n)

    def test_guesses_and_moves_as_data(self):
        n = self.channel.wrong_guess()
        self.assertEqual(self.channel.post("s1", "here it comes", guess=n)[0]["guess"], n)
        self.assertEqual(self.channel.post("s2", type="move", action="guess", value=n)[0]["guess"], n)
        self.assertEqual(types(self.channel.post("s1", type="move", action="concede"))[0], "concede")

    def test_an_invalid_guess_does_not_cost_a_turn(self):
        for text in ("guess 0", "guess 101", "guess -5", "guess \u22125", "guess 4.5", "4.5", "1,000", "guess 4.5x",
                     "guess 41 or 42", "guess 40-50", "guess", "guess high", "9" * 5000, "guess 1e2"):
            with self.subTest(text[:20]):
                posted = self.channel.post("s1", text)
                self.assertEqual([b.get("reason") for b in posted], ["BAD_MOVE"])
        for value in (None, True, "42", 42.5, [42], {"n": 42}, 2**53 - 1):
            with self.subTest(value):
                self.assertEqual(self.channel.post("s1", guess=value)[0]["reason"], "BAD_MOVE")
                self.assertEqual(self.channel.post("s1", type="move", action="guess", value=value)[0]["reason"], "BAD_MOVE")
        self.assertEqual(self.channel.post("s1", f"guess {self.channel.wrong_guess()}")[0]["guess_count"], 1)

    def test_a_guess_out_of_turn_is_refused(self):
        posted = self.channel.post("s2", "guess 42")
        self.assertEqual([(b["reason"], b["player"]) for b in posted], [("BAD_TURN", "s2")])

    def test_conversation_is_ignored(self):
        for text in ("hello", "guess who I am", "I guess so", "s1 is on 2nd place", "see you at 8 pm", "startle",
                     "let's start soon", "I will never concede", "", "status", "!roll 6", "50%", "guessing is fun"):
            with self.subTest(text):
                self.assertEqual(self.channel.post("s2", text), [])
        self.assertEqual(self.channel.post("s1", "I guess so"), [])
        self.assertEqual(self.channel.post("s1"), [])
        deleted = {"id": 9, "sender": "s1", "kind": "user", "body": None}
        self.assertEqual(self.channel.run_hook("on_message", deleted), [])
        self.assertEqual(self.channel.post("s1", "guess 42", kind="aside"), [])

    def test_other_bots_are_not_players(self):
        self.assertEqual(self.channel.post("bot:bot_other", "guess 42"), [])
        self.assertEqual(self.channel.post("system", "start"), [])

    def test_moves_before_the_start_and_after_the_end_are_refused(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1")
        self.assertEqual(channel.post("s1", "guess 42")[0]["reason"], "GAME_NOT_STARTED")
        self.assertEqual(channel.post("s1", "concede")[0]["reason"], "GAME_NOT_STARTED")
        channel.join("s2")
        channel.post("s1", "concede")
        self.assertEqual(channel.post("s2", "42")[0]["reason"], "GAME_OVER")
        self.assertEqual(channel.post("s2", "concede")[0]["reason"], "GAME_OVER")

    def test_guesses_can_be_limited(self):
        channel = GuessChannel("alice", "bob", max_guesses=2)
        channel.join("s1", "s2")
        channel.post("s1", guess=channel.wrong_guess())
        posted = channel.post("s2", guess=channel.wrong_guess())
        self.assertEqual(types(posted), ["judge", "bot:reveal", "game_end"])
        self.assertEqual((posted[-1]["winner"], posted[-1]["reason"]), (None, "max_guesses"))

    def test_the_last_allowed_guess_can_win(self):
        channel = GuessChannel("alice", "bob", max_guesses=1)
        channel.join("s1", "s2")
        self.assertEqual(channel.post("s1", guess=channel.secret)[-1]["winner"], "s1")


class Entropy(unittest.TestCase):
    def test_the_start_names_the_contributors_of_entropy(self):
        for contributors, names in ((None, "alice, bob"), (["s2"], "bob; alice gave none"),
                                    ([], "the relay only; alice, bob gave none")):
            channel = GuessChannel("alice", "bob", contributors=contributors)
            channel.join("s1", "s2")
            start = channel.last("game_start")
            self.assertEqual(start["entropy_from"], ["s1", "s2"] if contributors is None else contributors)
            self.assertEqual(sorted(start["entropy_from"] + start["missing"]), ["s1", "s2"])
            self.assertIn(f"Randomness in the draw from: {names}.", start["text"])

    def test_the_keystream_is_opened_for_the_game_and_revealed_after_it(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1")
        self.assertIsNone(channel.persisted["stream"])
        channel.join("s2")
        self.assertEqual(channel.persisted["stream"], ["s1", "s2"])
        channel.post("s1", "concede")
        self.assertIsNone(channel.persisted["stream"])
        channel.post("s1", "start")
        channel.post("s2", "start")
        self.assertEqual(channel.persisted["stream"], ["s1", "s2"])


class WaitingForRandomness(unittest.TestCase):
    def pending(self, *labels, **more):
        channel = GuessChannel(*labels, **more)
        channel.is_slow = True
        channel.join(*[f"s{number}" for number in range(1, len(labels) + 1)])
        return channel

    def test_the_number_is_drawn_when_the_randomness_is_there(self):
        channel = self.pending("alice", "bob", turn_seconds=60)
        self.assertEqual((channel.state["phase"], channel.secret, channel.timers), ("starting", None, {}))
        self.assertEqual(channel.bodies("bot:commit"), [])
        self.assertEqual(channel.held_seconds, 3720, "the players are protected from now on")
        self.assertEqual(types(channel.answer_start()), ["game_start", "bot:commit", "bot:turn"])
        self.assertIsNotNone(channel.secret)

    def test_moves_and_votes_have_to_wait(self):
        channel = self.pending("alice", "bob")
        for text in ("guess 5", "concede"):
            self.assertEqual([body["reason"] for body in channel.post("s1", text)], ["GAME_NOT_STARTED"])
        for text in ("start", "!status"):
            [status] = channel.post("s1", text)
            self.assertEqual((status["type"], status["phase"], status["current_turn"]), ("status", "starting", None))
            self.assertIn("about to start", status["text"])
        channel.post("s2", "start")
        self.assertEqual(types(channel.answer_start()), ["game_start", "bot:commit", "bot:turn"])
        self.assertEqual((channel.answer_start(), channel.last("game_start")["game"]), ([], 1))

    def test_who_joins_after_the_request_is_said_to_give_no_randomness(self):
        channel = GuessChannel("alice", "bob", "carol")
        channel.is_slow = True
        channel.join("s1", "s2")
        channel.post("s1", "start")
        channel.post("s2", "start")
        channel.join("s3")
        channel.run_one_hook("on_start", ["s1", "s2"], [])  # both lists are as of ctx.start()
        start = channel.last("game_start")
        self.assertEqual((start["players"], start["missing"]), (["s1", "s2", "s3"], ["s3"]))
        self.assertIn("carol gave none", start["text"])

    def test_who_leaves_does_not_play_and_who_joins_does(self):
        channel = self.pending("alice", "bob", "carol")
        self.assertEqual(channel.leave("s1"), [])
        self.assertEqual(types(channel.join("s1")), ["player_joined"])
        channel.leave("s2")
        start = channel.answer_start()[0]
        self.assertEqual((start["players"], start["entropy_from"]), (["s3", "s1"], ["s1", "s2", "s3"]))

    def test_the_game_does_not_start_if_too_few_are_left(self):
        channel = self.pending("alice", "bob", contributors=["s1"])
        channel.leave("s2")
        self.assertEqual(types(channel.answer_start()), ["start_cancelled"])
        self.assertEqual((channel.state["phase"], channel.secret, channel.held_seconds), ("waiting", None, 0))
        self.assertIsNone(channel.persisted["stream"], "the next draw begins with everybody who is seated then")
        channel.is_slow = False
        self.assertEqual(types(channel.join("s2")), ["player_joined"])
        self.assertEqual(channel.post("s2", "guess 5")[0]["reason"], "GAME_NOT_STARTED")
        channel.post("s1", "start")
        self.assertEqual(channel.post("s2", "start")[0]["game"], 1)

    def test_a_rematch_that_does_not_start_leaves_the_last_game_over(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        channel.post("s1", "concede")
        channel.is_slow = True
        channel.post("s1", "start")
        self.assertEqual(channel.post("s2", "start"), [])
        channel.leave("s2")
        channel.answer_start()
        self.assertEqual((channel.state["phase"], channel.state["ready"]), ("over", []))
        self.assertEqual(channel.post("s1", "guess 5")[0]["reason"], "GAME_OVER")

    def test_after_a_failed_start_the_players_can_ask_again(self):
        for text in ("start", "guess 5"):
            channel = self.pending("alice", "bob")
            channel.fail_to_start()
            channel.post("s1", text)
            self.assertIn("game_start", types(channel.answer_start()), text)

    def test_a_channel_that_is_closed_before_has_no_game(self):
        channel = self.pending("alice", "bob")
        self.assertEqual(channel.close(), [])


class Turns(unittest.TestCase):
    def begun(self, **params):
        channel = GuessChannel("alice", "bob", **params)
        channel.join("s1", "s2")
        return channel

    def test_each_turn_has_its_number_its_moves_and_its_deadline(self):
        channel = self.begun(turn_seconds=90, range=[5, 50])
        turn = channel.last("bot:turn")
        self.assertEqual((turn["turn"], turn["turn_id"], turn["deadline"]), (["s1"], 1, "2023-11-14T22:14:50.000Z"))
        self.assertEqual(turn["actions"], {"type": "object", "properties": {"guess": {"type": "integer", "minimum": 5, "maximum": 50}}})
        self.assertEqual({"turn_number", "seconds"} & set(turn), set(), "turn_id and deadline say it")
        channel.advance(90.5)
        self.assertEqual((channel.last("bot:turn")["turn_id"], channel.last("bot:turn")["deadline"]), (2, "2023-11-14T22:16:20.000Z"))
        self.assertNotIn("deadline", self.begun().last("bot:turn"))

    def test_the_numbers_go_on_in_the_next_game(self):
        channel = self.begun()
        self.assertEqual(channel.post("s1", "concede")[-1]["turn"], [])
        channel.post("s1", "start")
        channel.post("s2", "start")
        self.assertEqual(channel.last("bot:turn")["turn_id"], 2)

    def test_a_move_for_another_turn_does_not_count(self):
        channel = self.begun()
        wrong = channel.wrong_guess()
        self.assertEqual(types(channel.post("s1", f"guess {wrong}", turn_id=1)), ["judge", "bot:turn"])
        for data in ({"text": f"guess {wrong}"}, {"guess": wrong}, {"type": "move", "action": "guess", "value": wrong},
                     {"text": "concede"}):
            for seat, turn_id in (("s1", 1), ("s2", 1), ("s2", 3), ("s2", 0), ("s2", "2"), ("s2", {"n": 2})):
                with self.subTest(data=data, seat=seat, turn_id=turn_id):
                    [refused] = channel.post(seat, **data, turn_id=turn_id)
                    self.assertEqual((refused["reason"], refused["player"]), ("STALE_TURN", seat))
                    why = "turn 1 is over" if turn_id == 1 else "there is no such turn"
                    self.assertIn(f": {why}; this is turn 2, bob's.", refused["text"])
        self.assertEqual(channel.state["guesses"], 1)
        self.assertEqual(channel.post("s1", f"guess {wrong}", turn_id=2)[0]["reason"], "BAD_TURN")
        self.assertEqual(types(channel.post("s2", guess=wrong, turn_id=2)), ["judge", "bot:turn"])
        self.assertEqual(types(channel.post("s1", guess=wrong, turn_id=None)), ["judge", "bot:turn"])

    def test_a_turn_post_is_small(self):
        turn = self.begun(range=[1, 1000]).last("bot:turn")
        self.assertLess(len(json.dumps(turn, separators=(",", ":"))), 270)


class Clock(unittest.TestCase):
    def started_game(self, **params):
        channel = GuessChannel("alice", "bob", turn_seconds=60, **params)
        channel.join("s1", "s2")
        return channel

    def test_there_is_no_clock_by_default(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        self.assertEqual(channel.timers, {})
        self.assertNotIn("A turn has", channel.post("s1", "!help")[0]["text"])
        self.assertEqual(channel.run_hook("on_timer", "turn"), [])

    def test_a_turn_passes_after_a_warning(self):
        channel = self.started_game()
        self.assertIn("A turn has 60 s", channel.last("prompt")["text"] + channel.post("s1", "!help")[0]["text"])
        self.assertEqual(channel.advance(39), [])
        self.assertEqual([(b["type"], b["player"], b["seconds_left"]) for b in channel.advance(1)], [("bot:clock", "s1", 20)])
        late, turn = channel.advance(20)
        self.assertEqual((late["type"], late["player"], late["result"], turn["player"]), ("time_up", "s1", "pass", "s2"))

    def test_a_guess_restarts_the_clock(self):
        channel = self.started_game()
        channel.advance(59)
        channel.post("s1", guess=channel.wrong_guess())
        self.assertEqual(channel.advance(39), [])
        self.assertEqual(types(channel.advance(1)), ["bot:clock"])

    def test_an_invalid_guess_does_not_restart_the_clock(self):
        channel = self.started_game()
        channel.advance(59)
        channel.post("s1", "guess 1000")
        self.assertEqual(types(channel.advance(1)), ["time_up", "bot:turn"])

    def test_a_timer_of_an_earlier_turn_does_nothing(self):
        channel = self.started_game()
        channel.advance(10)
        channel.post("s1", guess=channel.wrong_guess())
        self.assertEqual(channel.run_hook("on_timer", "turn") + channel.run_hook("on_timer", "warn"), [])

    def test_a_forfeit_ends_a_game_of_two(self):
        channel = self.started_game(on_timeout="forfeit")
        channel.advance(60)
        end = channel.last("game_end")
        self.assertEqual((end["winner"], end["reason"], channel.timers), ("s2", "time", {}))

    def test_a_game_that_nobody_plays_ends(self):
        channel = self.started_game()
        self.assertEqual(channel.advance(239)[-1]["type"], "bot:clock")
        end = channel.advance(1)[-1]
        self.assertEqual((end["type"], end["winner"], end["reason"]), ("game_end", None, "time"))
        self.assertEqual(channel.timers, {})


class Leaving(unittest.TestCase):
    def setUp(self):
        self.channel = GuessChannel("alice", "bob", "carol")
        self.channel.join("s1", "s2", "s3")

    def test_conceding_passes_the_turn_and_the_last_player_wins(self):
        posted = self.channel.post("s1", "I concede.")
        self.assertEqual(types(posted), ["concede", "bot:turn"])
        self.assertEqual(posted[-1]["player"], "s2")
        posted = self.channel.post("s3", "concede")
        self.assertEqual(types(posted), ["concede", "bot:reveal", "game_end"])
        self.assertEqual((posted[-1]["winner"], posted[-1]["reason"]), ("s2", "concede"))
        self.assertEqual(posted[-1]["players"], ["s1", "s2", "s3"])

    def test_leaving_out_of_turn_keeps_the_turn(self):
        self.assertEqual(types(self.channel.leave("s3")), ["player_left"])
        self.assertEqual(self.channel.post("s1", guess=self.channel.wrong_guess())[-1]["player"], "s2")
        self.assertEqual(self.channel.post("s2", guess=self.channel.wrong_guess())[-1]["player"], "s1")

    def test_leaving_in_turn_passes_the_turn(self):
        self.channel.post("s1", guess=self.channel.wrong_guess())
        self.channel.post("s2", guess=self.channel.wrong_guess())
        self.assertEqual(self.channel.leave("s3")[-1]["player"], "s1")

    def test_the_last_remaining_player_wins(self):
        self.channel.leave("s2")
        end = self.channel.leave("s1")[-1]
        self.assertEqual((end["winner"], end["reason"]), ("s3", "leave"))

    def test_the_next_holder_of_a_seat_waits_for_the_next_game(self):
        self.channel.leave("s1")
        self.assertEqual(types(self.channel.join("s1")), ["player_joined"])
        self.assertEqual(self.channel.post("s1", "guess 42")[0]["reason"], "NOT_A_PLAYER")
        self.channel.post("s2", "concede")
        self.channel.post("s1", "start")
        self.channel.post("s2", "start")
        self.assertEqual(self.channel.last("game_start")["players"], ["s2", "s3", "s1"])

    def test_joining_twice_does_not_add_a_player(self):
        self.assertEqual(self.channel.join("s2"), [])
        self.assertEqual(self.channel.last("game_start")["players"], ["s1", "s2", "s3"])
        self.assertEqual(self.channel.post("s1", guess=self.channel.wrong_guess())[-1]["player"], "s2")

    def test_leaving_twice_or_from_an_unknown_slot_does_nothing(self):
        self.channel.leave("s2")
        self.assertEqual(self.channel.run_hook("on_leave", "s2"), [])
        self.assertEqual(self.channel.run_hook("on_leave", "s9"), [])


class Closing(unittest.TestCase):
    def test_a_game_in_progress_is_revealed(self):
        channel = GuessChannel("alice", "bob", turn_seconds=60)
        channel.join("s1", "s2")
        channel.post("s1", guess=channel.wrong_guess())
        target = channel.secret
        self.assertEqual(types(channel.close()), ["bot:reveal", "game_end"])
        reveal, end = channel.last("bot:reveal"), channel.last("game_end")
        self.assertEqual(hashlib.sha256(f"{target}{reveal['salt']}".encode()).hexdigest(),
                         channel.last("bot:commit")["commitment_hash"])
        self.assertEqual((end["winner"], end["reason"], end["target"]), (None, "closed", target))
        self.assertNotIn("play again", end["text"])
        self.assertIsNone(channel.persisted["stream"], "the seed is revealed too")
        self.assertEqual((channel.timers, channel.held_seconds), ({}, 0))

    def test_without_a_game_there_is_nothing_to_reveal(self):
        channel = GuessChannel("alice", "bob")
        self.assertEqual(channel.close(), [])
        channel.join("s1", "s2")
        channel.post("s1", "concede")
        self.assertEqual(channel.close(), [])


class HeldSeats(unittest.TestCase):
    def test_a_game_holds_the_seats_until_it_ends(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1")
        self.assertEqual(channel.held_seconds, 0)
        channel.join("s2")
        self.assertEqual(channel.held_seconds, 3600)
        channel.post("s1", "concede")
        self.assertEqual(channel.held_seconds, 0)

    def test_moves_renew_the_hold_but_messages_do_not(self):
        channel = GuessChannel("alice", "bob", range=[1, 1000])
        channel.join("s1", "s2")
        channel.advance(60)
        channel.post("s1", guess=channel.wrong_guess())
        self.assertEqual(channel.held_seconds, 3540, "a hold that was just renewed is not renewed again")
        channel.advance(3000)
        for seat, text in (("s1", "!status"), ("s1", "guess 1"), ("s2", "guess 5000"), ("s2", "hello")):
            channel.post(seat, text)
        self.assertEqual(channel.held_seconds, 540)
        channel.post("s2", guess=channel.wrong_guess())
        self.assertEqual(channel.held_seconds, 3600)

    def test_slow_clocks_lengthen_the_hold(self):
        for seconds, expected in ((60, 3720), (3600, 10_800), (86_400, 86_400)):
            channel = GuessChannel("alice", "bob", turn_seconds=seconds)
            channel.join("s1", "s2")
            self.assertEqual(channel.held_seconds, expected)

    def test_a_game_that_may_not_hold_the_seats_starts_and_holds_them_at_the_first_move(self):
        channel = GuessChannel("alice", "bob")
        with mock.patch.object(fake_channel, "HOOKS_OF_PLAYERS", ()):  # as when the bot is attached to seated players
            self.assertIn("game_start", types(channel.join("s1", "s2")))
        self.assertEqual(channel.held_seconds, 0)
        channel.post("s1", guess=channel.wrong_guess())
        self.assertEqual(channel.held_seconds, 3600)


class Commands(unittest.TestCase):
    def test_work_in_public_and_in_private(self):
        channel = GuessChannel("alice", "bob")
        for phase in ("waiting", "playing", "over"):
            with self.subTest(phase):
                channel.join("s1") if phase == "waiting" else None
                public = channel.post("s1", "!status")
                self.assertEqual((types(public), public[0]["phase"]), (["status"], phase))
                self.assertEqual(channel.dm("s1", "!status"), public)
                self.assertEqual(channel.dm("s1", "!help"), channel.post("s1", " !HELP "))
                channel.join("s2") if phase == "waiting" else channel.post("s1", "concede")

    def test_the_status_names_turn_and_commitment(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        status = channel.dm("s2", "status")[0]
        self.assertEqual((status["current_turn"], status["guess_count"], status["game"]), ("s1", 0, 1))
        self.assertEqual(status["commitment_hash"], channel.last("bot:commit")["commitment_hash"])

    def test_private_moves_are_refused(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1", "s2")
        before = channel.state
        self.assertEqual(types(channel.dm("s1", f"guess {channel.secret}")), ["error"])
        self.assertEqual(channel.state, before)

    def test_a_player_who_has_left_gets_no_reply(self):
        channel = GuessChannel("alice", "bob")
        channel.join("s1")
        channel.slots[1]["filled"] = False
        self.assertEqual(channel.dm("s1", "!status"), [])


class Params(unittest.TestCase):
    def test_invalid_params_are_refused_with_a_reason(self):
        for params, word in (({"target": 5}, "no parameter 'target'"), ({"mode": "word"}, "'mode'"),
                             ({"range": [5, 5]}, "'range'"), ({"range": "1-9"}, "'range'"), ({"range": [1]}, "'range'"),
                             ({"range": [1.5, 9]}, "'range'"), ({"range": [False, True]}, "'range'"),
                             ({"range": [0, 2**53]}, "'range'"), ({"turn_order": "mine"}, "'turn_order'"),
                             ({"max_guesses": 0}, "'max_guesses'"), ({"max_guesses": "9"}, "'max_guesses'"),
                             ({"turn_seconds": 0}, "'turn_seconds'"), ({"turn_seconds": 9.5}, "'turn_seconds'"),
                             ({"on_timeout": "stop"}, "'on_timeout'")):
            with self.subTest(params), self.assertRaisesRegex(ValueError, word):
                GuessChannel("alice", **params)

    def test_valid_params_are_announced(self):
        channel = GuessChannel("alice", range=[-5, 5], turn_order="random", max_guesses=9, mode="number")
        prompt = channel.last("prompt")
        self.assertEqual((prompt["range"], prompt["turn_order"], prompt["max_guesses"]), ([-5, 5], "random", 9))

    def test_the_widest_range_works(self):
        channel = GuessChannel("alice", range=[1 - 2**53, 2**53 - 1])
        channel.join("s1")
        self.assertEqual(channel.post("s1", f"guess {channel.secret}")[-1]["winner"], "s1")


if __name__ == "__main__":
    unittest.main()
