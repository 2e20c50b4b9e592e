"""The rules of TriviaBot, run as plain Python: what is sealed, what is opened, and who gets a point."""

import hashlib
import json
import pathlib
import random
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load, types  # noqa: E402

trivia = load("trivia_bot")
PACK = {"salt": "0123456789abcdef", "questions": [
    {"question": "Which bird cannot fly?", "choices": ["swallow", "ostrich", "falcon"], "answers": ["ostrich"]},
    {"question": "Which bird is on the seal?", "answers": ["the bald eagle", "eagle"]},
    {"question": "How many legs does a bird have?", "answers": ["2"]},
]}
SOLUTIONS = {"Which bird cannot fly?": "B", "Which bird is on the seal?": "An eagle!", "How many legs does a bird have?": "two"}


def text_of(pack):
    return json.dumps(pack, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def hash_of(pack):
    return "sha256:" + hashlib.sha256(text_of(pack).encode()).hexdigest()


def sealed(*labels, pack=PACK, **params):
    """A channel in which carol, in the last seat, is the quizmaster; everybody is seated."""
    labels = [*(labels or ("alice", "bob")), "carol"]
    channel = FakeChannel(trivia.TriviaBot, *labels, pack_hash=hash_of(pack), quizmaster="carol", **params)
    channel.join(*[f"s{number}" for number in range(1, len(labels) + 1)])
    return channel


def begun(*labels, pack=PACK, **params):
    channel = sealed(*labels, pack=pack, **params)
    channel.dm_effects(f"s{len(channel.slots) - 1}", "here it is", pack=pack)
    return channel


def practice(*labels, **params):
    labels = labels or ("alice", "bob")
    channel = FakeChannel(trivia.TriviaBot, *labels, **params)
    channel.join(*[f"s{number}" for number in range(1, len(labels) + 1)])
    return channel


def dm(channel, seat, text=None, **data):
    """Sends a private message; returns the private answers and the public posts."""
    effects = channel.dm_effects(seat, text, **data)
    return [effect["body"] for effect in effects if effect["to"]], [effect["body"] for effect in effects if not effect["to"]]


def solution(channel):
    return SOLUTIONS[channel.last("question")["question"]]


def opened(proof, commitment):
    """Returns the value of an opened commitment; fails if it is not the one that was committed to."""
    computed = "sha256:" + hashlib.sha256(f"{proof['text']}|{proof['salt']}".encode()).hexdigest()
    assert computed == proof["commitment"] == commitment
    return json.loads(proof["text"])


class SealedPack(unittest.TestCase):
    def test_the_game_starts_with_the_pack_whose_hash_is_in_the_params(self):
        channel = sealed()
        self.assertEqual(types([effect["body"] for effect in channel.log]), ["prompt", "pack_awaited"])
        self.assertEqual(channel.last("pack_awaited")["quizmaster"], "s3")
        private, public = dm(channel, "s3", f"pack {json.dumps(PACK, indent=1)}")
        self.assertEqual((private, types(public)), ([], ["pack_received", "game_start", "question"]))
        self.assertEqual((public[0]["pack_hash"], public[1]["players"], public[1]["practice"]), (hash_of(PACK), ["s1", "s2"], False))
        self.assertEqual(channel.held_seconds, 3840)

    def test_a_pack_before_the_players_waits_for_them(self):
        channel = FakeChannel(trivia.TriviaBot, "carol", "alice", pack_hash=hash_of(PACK), quizmaster="carol")
        channel.join("s1")
        self.assertEqual(types(dm(channel, "s1", pack=PACK)[1]), ["pack_received"])
        self.assertEqual(types(channel.join("s2")), ["game_start", "question"])

    def test_another_pack_is_refused(self):
        channel = sealed()
        other = dict(PACK, salt="fedcba9876543210")
        for data, reason in (({"pack": other}, "WRONG_PACK"), ({"pack": {"salt": "x"}}, "BAD_PACK"), ({"pack": None}, "BAD_PACK"),
                             ({"pack": []}, "BAD_PACK"), ({"text": "pack {not json}"}, "BAD_PACK"), ({"pack": "[" * 9000}, "BAD_PACK"),
                             ({"text": 'pack {"a":' * 5000 + "}"}, "BAD_PACK"), ({"pack": {"salt": "\ud800" * 20, "questions": []}}, "BAD_PACK")):
            private, public = dm(channel, "s3", **data)
            self.assertEqual(([each["reason"] for each in private], public), ([reason], []))
        self.assertIsNone(channel.state["pack"])

    def test_only_the_quizmaster_can_give_it_and_only_once_and_in_private(self):
        channel = sealed()
        self.assertEqual(dm(channel, "s1", pack=PACK)[0][0]["reason"], "PACK_REFUSED")
        self.assertEqual(channel.post("s3", "", pack=PACK)[0]["reason"], "SENT_IN_PUBLIC")
        dm(channel, "s3", pack=PACK)
        self.assertEqual(dm(channel, "s3", pack=PACK)[0][0]["reason"], "PACK_REFUSED")
        self.assertEqual(dm(practice(), "s1", pack=PACK)[0][0]["reason"], "PACK_REFUSED")

    def test_the_quizmaster_does_not_play(self):
        channel = begun()
        self.assertEqual(channel.last("question")["turn"], ["s1", "s2"])
        self.assertEqual(dm(channel, "s3", "answer B")[0][0]["reason"], "NOT_A_PLAYER")
        self.assertEqual(types(dm(channel, "s3", "hello")[0]), ["help"])
        self.assertEqual(types(channel.post("s3", "start")), ["status"])
        self.assertEqual(types(channel.leave("s3")), [], "the game goes on without the quizmaster")

    def test_no_question_and_no_answer_is_public_before_it_is_opened(self):
        channel = sealed()
        dm(channel, "s3", pack=PACK)
        for asked in range(3):
            public = json.dumps([effect for effect in channel.log if effect["to"] is None])
            for each in PACK["questions"]:
                is_asked = each["question"] in [body["question"] for body in channel.bodies("question")]
                self.assertEqual(each["question"] in public, is_asked)
            self.assertNotIn("bald eagle", public if "seal" in channel.last("question")["question"] else "")
            self.assertNotIn("correct_answers", channel.last("question"))
            for seat in ("s1", "s2"):
                dm(channel, seat, solution(channel))
        self.assertEqual(channel.last("game_end")["scores"], {"s1": 3, "s2": 3})

    def test_answers_are_public_only_when_the_question_is_closed(self):
        channel = begun()
        private, public = dm(channel, "s1", solution(channel))
        self.assertEqual((types(private), types(public)), (["sealed"], ["answered"]))
        self.assertEqual((public[0]["turn"], public[0]["private"]), (["s2"], True))
        self.assertNotIn("answer", public[0])
        private, public = dm(channel, "s2", "pass")
        self.assertEqual(types(public), ["answered", "result", "question"])
        self.assertEqual(public[1]["answers"]["s2"], "")

    def test_everything_is_opened_after_the_game(self):
        channel = begun()
        for _ in range(3):
            for seat in ("s2", "s1"):
                dm(channel, seat, solution(channel))
        commitments = channel.last("game_start")["commitments"]
        for at, (question, result) in enumerate(zip(channel.bodies("question"), channel.bodies("result"))):
            self.assertEqual(opened(question["proof"], commitments[at]["question"]), [question["question"], question["choices"]])
            self.assertEqual(opened(result["proof"], commitments[at]["answers"]), result["correct_answers"])
        self.assertEqual(channel.last("pack_opened")["pack"], PACK)
        self.assertEqual((channel.bodies("unasked"), channel.persisted["commitments"]), ([], {}))
        self.assertTrue(channel.last("game_end")["unsealed"])
        self.assertTrue(channel.persisted["unsealed"])
        self.assertIsNone(channel.persisted["stream"], "the seed is revealed")
        self.assertEqual((channel.held_seconds, channel.timers), (0, {}))

    def test_a_pack_serves_for_one_game(self):
        channel = begun(questions=1)
        for seat in ("s1", "s2"):
            dm(channel, seat, "pass")
        self.assertEqual(channel.post("s1", "start")[0]["reason"], "PACK_USED")
        self.assertNotIn("start", channel.last("game_end")["text"])

    def test_a_manifest_that_does_not_unseal_is_no_failure(self):
        channel = begun()
        channel.unseals = False
        channel.close()
        self.assertFalse(channel.last("game_end")["unsealed"])
        self.assertIn("stay private", channel.last("game_end")["text"])

    def test_the_order_is_drawn(self):
        self.assertEqual(len({begun().last("question")["question"] for _ in range(60)}), 3)
        start = begun().last("game_start")
        self.assertEqual((start["entropy_from"], start["missing"]), (["s1", "s2", "s3"], []))


class Answers(unittest.TestCase):
    def test_each_correct_answer_or_the_first_one_is_a_point(self):
        for scoring, points in (("all", {"s1": 1, "s2": 1, "s3": 0}), ("first", {"s1": 0, "s2": 1, "s3": 0})):
            channel = begun("alice", "bob", "dan", scoring=scoring)
            for seat in ("s3", "s2", "s1"):
                posted = dm(channel, seat, "none of these words" if seat == "s3" and solution(channel) != "B" else
                            "A" if seat == "s3" else solution(channel))[1]
            result = posted[1]
            self.assertEqual((result["scores"], result["order"], result["right"]), (points, ["s3", "s2", "s1"], ["s2", "s1"]))
            self.assertEqual(result["board"]["columns"], ["", "points"])
            self.assertEqual(len(result["board"]["rows"]), 3)

    def test_answers_are_compared_without_regard_to_how_they_are_written(self):
        for given, answer in (("  PARIS! ", "paris"), ("Bras\u00edlia", "brasilia"), ("the Seine", "Seine"), ("1,000", "1000"), ("7.0", "seven"),
                              ("\u221240", "-40"), ("007", "7"), ("1 000 000", "1000000"), (".50", "0.5"), ("a stack", "stack"),
                              ("Stra\u00dfe", "strasse"), ("\uff14\uff12", "42"), ("-0", "0"), ("mother-in-law", "mother in law"), ("don\u2019t", "dont")):
            self.assertTrue(trivia.is_right(given, ["x", answer]), (given, answer))
        for given, answer in (("4", "-4"), ("7.1", "71"), ("1.5", "15"), ("", "the"), ("the", "a"), ("Pariss", "Paris"), ("1000", "1,00"),
                              ("12", "1 2"), ("a", "b")):
            self.assertFalse(trivia.is_right(given, [answer]), (given, answer))
        for odd in ("v.2x3", "\u0663", "\u2460", "\u00bd", "1" * 100, "." * 9, "-", "1e999", "\ufdfa", "0" * 90 + ".1"):
            trivia.plain(odd)

    def test_ways_to_name_a_choice(self):
        choices = ["swallow", "ostrich", "falcon"]
        for given in ("B", "b", "(b)", "B.", "b:", "ostrich", "The Ostrich!"):
            self.assertEqual(trivia.understood(given, choices), "B", given)
        for given in ("D", "", "swallow or ostrich", None, True, ["B"], {"a": 1}, "B" * 200, 2):
            self.assertIsNone(trivia.understood(given, choices), given)
        self.assertEqual(trivia.understood(42, None), "42")
        self.assertEqual(trivia.understood("two\nlines \u00a0 here", None), "two lines here")

    def test_ways_to_send_an_answer(self):
        for message in ({"text": "B"}, {"text": "answer B"}, {"text": "Answer: ostrich"}, {"answer": "B"}, {"text": "so: ", "answer": "b"},
                        {"type": "move", "action": "answer", "value": "B"}, {"answer": "B", "turn_id": 1}):
            channel = begun(pack=dict(PACK, questions=PACK["questions"][:1]))
            self.assertEqual([body.get("answer") for body in dm(channel, "s1", **message)[0]], ["B"], message)
        channel = practice(pack=PACK["questions"][1:2])
        self.assertEqual(dm(channel, "s1", "a bald eagle")[0][0]["answer"], "a bald eagle")

    def test_an_answer_is_final(self):
        channel = begun()
        dm(channel, "s1", solution(channel))
        self.assertEqual(dm(channel, "s1", "pass")[0][0]["reason"], "ALREADY_ANSWERED")
        self.assertEqual(channel.state["answered"], ["s1"])

    def test_what_is_no_answer_costs_nothing(self):
        channel = begun(pack=dict(PACK, questions=PACK["questions"][:1]))
        for odd in ("", "D", None, True, [], {}, "x" * 101, "!!!", 7, "\ud800"):
            private, public = dm(channel, "s1", answer=odd)
            self.assertEqual(([each["reason"] for each in private], public), (["BAD_ANSWER"], []), odd)
        for text in ("What was the question?", "start", "rematch", "", "!help"):
            self.assertEqual(types(dm(channel, "s1", text)[0]), ["help"], text)
        self.assertEqual(types(dm(channel, "s1", "!status")[0]), ["status"])
        self.assertEqual(types(dm(channel, "s1", "B")[0]), ["sealed"])

    def test_an_answer_in_public_does_not_count(self):
        channel = begun()
        for message in ({"text": "B"}, {"text": "answer ostrich"}, {"text": "", "answer": "B"}, {"text": "pass"}):
            self.assertEqual(channel.post("s1", **message)[0]["reason"], "SENT_IN_PUBLIC")
        self.assertEqual(channel.state["answered"], [])

    def test_conversation_is_ignored(self):
        channel = begun()
        for text in ("hello", "I know this one", "Eagle!", "", "42"):
            self.assertEqual(channel.post("s1", text), [], text)
        self.assertEqual(channel.post("bot:other", "start"), [])
        self.assertEqual(channel.post("s1", "start", kind="aside"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])
        self.assertEqual(practice().post("s3", "start"), [])

    def test_status_tells_no_answer(self):
        channel = begun()
        dm(channel, "s1", solution(channel))
        status = channel.post("s2", "!status")[0]
        self.assertEqual((status["answered"], status["quizmaster"], "turn" in status), (["s1"], "s3", False))
        self.assertIn(channel.last("question")["question"], status["text"])
        self.assertEqual(dm(channel, "s3", "!status")[0], [status])
        self.assertEqual(dm(channel, "s3", "?")[0], channel.post("s1", "!help"))
        self.assertIn("carol has to send me the pack", sealed().post("s1", "!status")[0]["text"])


class Turns(unittest.TestCase):
    def test_each_question_is_a_turn_with_a_deadline(self):
        channel = begun(turn_seconds=60)
        asked = channel.last("question")
        self.assertEqual((asked["turn"], asked["turn_id"], asked["private"], asked["deadline"]),
                         (["s1", "s2"], 1, True, "2023-11-14T22:14:20.000Z"))
        self.assertEqual(asked["actions"], ["A", "B", "C"] if asked["choices"] else ["pass"])
        choices = [list(each) for each in zip("ABC", asked["choices"] or [])]
        self.assertEqual(asked["board"]["rows"][:-2], choices, "the letters and what they mean, then the points")
        for seat in ("s1", "s2"):
            dm(channel, seat, "pass")
        self.assertEqual(channel.last("question")["turn_id"], 2)

    def test_an_answer_for_another_turn_does_not_count(self):
        channel = begun()
        for seat in ("s1", "s2"):
            dm(channel, seat, "pass")
        for turn_id in (1, 3, 0, "2", [2], True):
            [refused], public = dm(channel, "s1", answer="B", turn_id=turn_id)
            self.assertEqual((refused["reason"], public), ("STALE_TURN", []))
            self.assertIn("turn 1 is over" if turn_id == 1 and turn_id is not True else "no such turn", refused["text"])
        self.assertEqual(types(dm(channel, "s1", "pass", turn_id=2)[0]), ["sealed"])

    def test_the_clock_closes_a_question(self):
        channel = begun(turn_seconds=60)
        dm(channel, "s1", solution(channel))
        self.assertEqual(channel.advance(59), [])
        result, asked = channel.advance(1)
        self.assertEqual((result["right"], result["order"], asked["type"]), (["s1"], ["s1"], "question"))
        channel.advance(30)
        self.assertEqual(channel.run_hook("on_timer", "turn"), [], "of a turn that is over")
        self.assertEqual(channel.run_hook("on_timer", "other"), [])

    def test_two_questions_without_any_answer_end_the_game(self):
        channel = begun(turn_seconds=60)
        posted = channel.advance(120)
        self.assertEqual(types(posted), ["result", "question", "result", "unasked", "pack_opened", "game_end"])
        self.assertEqual((posted[-1]["reason"], posted[-1]["winner"], posted[-1]["turn"]), ("time", None, []))
        [closed] = posted[3]["proofs"]
        commitment = channel.last("game_start")["commitments"][2]
        self.assertIn(opened(closed["question"], commitment["question"])[0], SOLUTIONS)
        self.assertTrue(opened(closed["answers"], commitment["answers"]))

    def test_no_question_is_open_before_and_after_a_game(self):
        channel = sealed()
        self.assertEqual(dm(channel, "s1", "answer B")[0][0]["reason"], "NO_QUESTION")
        self.assertEqual(types(dm(channel, "s1", "hello")[0]), ["help"])
        channel = begun()
        channel.close()
        self.assertEqual(dm(channel, "s1", answer="B")[0][0]["reason"], "NO_QUESTION")

    def test_answers_renew_the_hold(self):
        channel = begun(turn_seconds=3600)
        self.assertEqual(channel.held_seconds, 10_800)
        channel.advance(3000)
        channel.post("s1", "B")
        self.assertEqual(channel.held_seconds, 7800)
        dm(channel, "s1", "pass")
        self.assertEqual(channel.held_seconds, 10_800)


class Starting(unittest.TestCase):
    def test_players_can_start_while_seats_are_empty(self):
        channel = FakeChannel(trivia.TriviaBot, "alice", "bob", "dan")
        channel.join("s1", "s2")
        self.assertEqual(types(channel.post("s1", "start") + channel.post("s1", "start!")), ["start_vote"], "`start!` is conversation")
        self.assertEqual(types(channel.post("s2", "start")), ["game_start", "question"])
        self.assertEqual(types(channel.join("s3")), [])
        self.assertEqual(dm(channel, "s3", "answer Au")[0][0]["reason"], "NOT_A_PLAYER")

    def test_a_vote_without_a_pack_asks_for_it(self):
        channel = sealed()
        channel.post("s1", "start")
        self.assertEqual(types(channel.post("s2", "start")), ["pack_awaited"])

    def test_one_player_can_practise_alone(self):
        channel = practice("alice", questions=1)
        self.assertEqual(channel.last("question")["turn"], ["s1"])
        self.assertEqual(types(dm(channel, "s1", "pass")[1])[-1], "game_end")
        self.assertEqual(types(channel.post("s1", "rematch")), ["game_start", "question"])

    def test_a_game_needs_the_players_who_were_there_when_it_was_asked_for(self):
        channel = FakeChannel(trivia.TriviaBot, "alice", "bob")
        channel.is_slow = True
        channel.join("s1", "s2")
        self.assertEqual(dm(channel, "s1", answer="B")[0][0]["reason"], "NO_QUESTION")
        channel.leave("s1")
        self.assertEqual(types(channel.answer_start()), ["start_cancelled"])
        self.assertEqual((channel.state["phase"], channel.held_seconds), ("waiting", 0))

    def test_after_a_failed_start_the_players_can_ask_again(self):
        channel = FakeChannel(trivia.TriviaBot, "alice", "bob")
        channel.is_slow = True
        channel.join("s1", "s2")
        channel.fail_to_start()
        self.assertEqual(types(channel.post("s1", "start")), ["status"])
        self.assertEqual(types(channel.answer_start()), ["game_start", "question"])

    def test_at_most_twelve_play(self):
        channel = practice(*[f"p{number}" for number in range(14)])
        self.assertEqual(len(channel.last("game_start")["players"]), 12)

    def test_a_channel_that_is_closed_before_has_no_game(self):
        channel = sealed()
        self.assertEqual(channel.close(), [])


class Ending(unittest.TestCase):
    def test_the_most_points_win_and_equal_points_share(self):
        channel = begun()
        for _ in range(3):
            dm(channel, "s1", "pass")
            dm(channel, "s2", solution(channel))
        end = channel.last("game_end")
        self.assertEqual((end["winner"], end["winners"], end["reason"], end["scores"]), ("s2", ["s2"], "played", {"s1": 0, "s2": 3}))
        channel = begun()
        for _ in range(3):
            for seat in ("s1", "s2"):
                dm(channel, seat, solution(channel))
        end = channel.last("game_end")
        self.assertEqual((end["winner"], end["winners"]), (None, ["s1", "s2"]))
        self.assertIn("alice, bob share", end["text"])

    def test_closing_opens_everything_and_nobody_wins(self):
        channel = begun()
        dm(channel, "s1", solution(channel))
        posted = channel.close()
        self.assertEqual(types(posted), ["unasked", "pack_opened", "game_end"])
        self.assertEqual((posted[-1]["winners"], posted[-1]["reason"]), ([], "closed"))
        self.assertEqual([each["question"] is None for each in posted[0]["proofs"]], [True, False, False])
        self.assertEqual((channel.persisted["commitments"], channel.persisted["seats"]["s1"]), ({}, {}))
        self.assertEqual(channel.close(), [])

    def test_the_last_player_wins(self):
        channel = begun()
        self.assertEqual(types(channel.leave("s1")), ["player_left", "unasked", "pack_opened", "game_end"])
        self.assertEqual((channel.last("game_end")["winner"], channel.last("game_end")["reason"]), ("s2", "leave"))

    def test_leaving_can_close_a_question_and_the_answer_is_gone(self):
        channel = begun("alice", "bob", "dan")
        dm(channel, "s1", solution(channel))
        dm(channel, "s2", solution(channel))
        posted = channel.leave("s3")
        self.assertEqual(types(posted), ["player_left", "result", "question"])
        dm(channel, "s1", solution(channel))
        self.assertEqual(channel.leave("s1")[-1]["reason"], "leave")

    def test_the_next_holder_of_a_seat_neither_answers_nor_sees_an_answer(self):
        channel = begun("alice", "bob", "dan")
        dm(channel, "s1", "an answer of alice" if solution(channel) != "B" else "C")
        channel.leave("s1", hook_fails=True)
        channel.join("s1")
        self.assertEqual(dm(channel, "s1", answer="B")[0][0]["reason"], "ALREADY_ANSWERED")
        dm(channel, "s2", "pass")
        result = dm(channel, "s3", "pass")[1][1]
        self.assertEqual(result["answers"].get("s1"), "")

    def test_a_rematch_of_a_game_for_practice_has_new_draws_and_turns(self):
        channel = practice(questions=1)
        for seat in ("s1", "s2"):
            dm(channel, seat, "pass")
        channel.post("s1", "rematch")
        start, asked = channel.post("s2", "start")
        self.assertEqual((start["game"], asked["turn_id"], start["scores"] if "scores" in start else {}), (2, 2, {}))


class Packs(unittest.TestCase):
    def test_the_ready_made_packs_are_valid_and_for_practice(self):
        for name in trivia.PACKS:
            channel = practice(pack=name)
            self.assertTrue(channel.last("game_start")["practice"])
            self.assertIn("everybody can read", channel.last("prompt")["text"])
            self.assertEqual(channel.last("game_start")["questions"], len(trivia.PACKS[name]))

    def test_the_arithmetic_of_the_ready_made_packs(self):
        rows = {row[0]: row for pack in trivia.PACKS.values() for row in pack}
        self.assertEqual([n for n in (51, 57, 59, 63) if all(n % d for d in range(2, n))], [int(rows["Which of these numbers is prime?"][1])])
        self.assertEqual(-40 * 9 / 5 + 32, -40)

    def test_packs_that_are_refused(self):
        def pack(**question):
            return {"salt": "0123456789abcdef", "questions": [{**PACK["questions"][0], **question}]}

        long = [{"question": "x" * 300, "answers": ["y" * 100] * 2}] * 20
        for wrong, words in ((pack(answers=[]), "answers"), (pack(answers=["eagle"]), "no choice"), (pack(choices=["ostrich"]), "2 to 6"),
                             (pack(choices=["ostrich", "The Ostrich"]), "different"), (pack(choices=["ostrich", "b"]), "letter"),
                             (pack(question="two\nlines"), "question 1"), (pack(question=7), "question 1"), (pack(hint="x"), "question 1"),
                             (pack(answers=["!?"]), "answers"), (pack(answers="ostrich"), "answers"), (dict(PACK, salt="short"), "salt"),
                             (dict(PACK, questions=[]), "1 to 40"), (dict(PACK, questions=PACK["questions"] * 14), "1 to 40"),
                             (dict(PACK, questions=long), "bytes"), (dict(PACK, extra=1), "a pack is"), (dict(PACK, questions=[None]), "question 1")):
            with self.subTest(words), self.assertRaisesRegex(ValueError, words):
                trivia.check_pack(wrong)

    def test_the_largest_pack_and_the_most_players_stay_within_the_limits_of_a_post(self):
        quotes = {"salt": '"' * 15 + "a", "questions": [{"question": f"{at}" + '"' * 60, "answers": ["\\" * 40 + "a"]} for at in range(40)]}
        trivia.check_pack(quotes)
        channel = begun(*["\U0001f600" * 97 + f"{number:03}" for number in range(12)], pack=quotes, questions=40)
        for _ in range(2):
            for number in range(1, 13):
                dm(channel, f"s{number}", "\U0001f600" * 98 + "ab")
        self.assertEqual(len(channel.bodies("result")), 2)
        channel.close()
        self.assertEqual(len(channel.last("unasked")["proofs"]), 38)

    def test_invalid_params_are_refused(self):
        digest = hash_of(PACK)
        for params, word in (({"deck": 1}, "no parameters but"), ({"pack": "history"}, "science"), ({"pack": []}, "1 to 40"), ({"pack": {}}, "'pack'"),
                             ({"pack_hash": digest}, "'quizmaster'"), ({"quizmaster": "alice"}, "'pack_hash'"), ({"questions": 0}, "'questions'"),
                             ({"pack_hash": "sha256:1", "quizmaster": "alice"}, "'pack_hash'"), ({"scoring": "best"}, "'scoring'"),
                             ({"scoring": ["all"]}, "'scoring'"), ({"turn_seconds": 4}, "'turn_seconds'"), ({"turn_seconds": None}, "'turn_seconds'"),
                             ({"pack_hash": digest, "quizmaster": "zoe"}, "label"), ({"questions": True}, "'questions'"),
                             ({"pack_hash": digest, "quizmaster": "alice", "pack": "science"}, "either")):
            with self.subTest(word), self.assertRaisesRegex(ValueError, word):
                practice(**params)


class Garbage(unittest.TestCase):
    VALUES = (None, True, 0, -1, 2**53 - 1, 1.5, "", "B", "pass", "\u0000", "answer", "pack {}", "pack [", [], [[]], {}, {"a": {"b": []}}, "x" * 3000)
    KEYS = ("text", "answer", "pack", "type", "action", "value", "turn_id", "other")

    def test_no_message_makes_a_hook_fail(self):
        choices = random.Random(7)
        for channel in (sealed(), begun(), practice(), practice("alice", pack="geography", scoring="first")):
            for _ in range(400):
                data = {choices.choice(self.KEYS): choices.choice((*self.VALUES, "move", "start", "!status", PACK)) for _ in range(3)}
                seat = choices.choice([slot["slot_id"] for slot in channel.slots[1:] if slot["filled"]])
                if choices.random() < 0.6:
                    channel.dm_effects(seat, **data)
                else:
                    channel.post(seat, **data)
                if choices.random() < 0.05:
                    channel.advance(choices.choice((1, 70, 200)))
            channel.close()


if __name__ == "__main__":
    unittest.main()
