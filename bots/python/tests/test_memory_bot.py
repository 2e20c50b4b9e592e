"""MemoryBot passes no question without opt-in, no answer without consent, and nothing to anybody else."""

import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load, types  # noqa: E402

MemoryBot = load("memory_bot").MemoryBot
QUESTION, ANSWER = "what would Carol like for dinner?", "anything with mushrooms"


class Exchange(unittest.TestCase):
    def setUp(self):
        self.channel = FakeChannel(MemoryBot, "alice", "bob", "carol")
        self.channel.join("s1", "s2", "s3")

    def opt_in(self, *seats):
        for seat in seats or ("s1", "s2"):
            self.channel.post(seat, "opt in")
        return self.channel

    def asked_question(self):
        channel = self.opt_in()
        channel.dm_effects("s1", f"ask bob: {QUESTION}")
        return channel

    def seen_by(self, seat):
        """Returns everything from the bot that a seat can read, as JSON."""
        return json.dumps([effect["body"] for effect in self.channel.log if effect["to"] in (None, seat)], ensure_ascii=False)

    def test_an_answer_with_consent_reaches_only_the_asker(self):
        channel = self.asked_question()
        self.assertEqual([(e["to"], e["body"]["type"]) for e in channel.log[-2:]], [(None, "asked"), ("s2", "consent_request")])
        self.assertEqual(channel.last("consent_request")["words"], QUESTION)
        effects = channel.dm_effects("s2", "consent q1")
        self.assertEqual([(e["to"], e["body"]["type"]) for e in effects], [(None, "consented"), ("s2", "answer_awaited")])
        effects = channel.dm_effects("s2", f"answer q1: {ANSWER}")
        self.assertEqual([(e["to"], e["body"]["type"]) for e in effects], [("s1", "answer"), (None, "answered")])
        self.assertEqual(channel.last("answer")["answer"], ANSWER)
        self.assertNotIn(QUESTION, self.seen_by("s3"))
        self.assertNotIn(ANSWER, self.seen_by("s3"))
        self.assertEqual(channel.timers, {})
        self.assertNotIn(QUESTION, json.dumps(channel.persisted), "texts are deleted once they are delivered")
        self.assertNotIn(ANSWER, json.dumps(channel.persisted))

    def test_a_shared_answer_is_public(self):
        channel = self.asked_question()
        channel.post("s2", "consent q1 share")
        self.assertNotIn(QUESTION, self.seen_by("s3"))
        [effects] = channel.dm_effects("s2", f"answer q1: {ANSWER}")
        self.assertEqual((effects["to"], effects["body"]["shared"], effects["body"]["answer"]), (None, True, ANSWER))

    def test_an_answer_without_consent_is_not_delivered(self):
        channel = self.asked_question()
        [effects] = channel.dm_effects("s2", f"answer q1: {ANSWER}")
        self.assertEqual((effects["to"], effects["body"]["reason"]), ("s2", "NO_CONSENT"))
        self.assertNotIn(ANSWER, json.dumps(channel.persisted))
        for other in ("s1", "s3"):
            self.assertEqual(channel.dm_effects(other, "consent q1")[0]["body"]["reason"], "NO_SUCH_QUESTION")
            self.assertEqual(channel.dm_effects(other, f"answer q1: {ANSWER}")[0]["body"]["reason"], "NO_SUCH_QUESTION")
        self.assertNotIn(ANSWER, self.seen_by("s1"))

    def test_consent_is_for_one_question(self):
        channel = self.asked_question()
        channel.dm_effects("s1", "ask bob: and for lunch?")
        channel.dm_effects("s2", "consent q1")
        self.assertEqual(channel.dm_effects("s2", "answer q2: soup")[0]["body"]["reason"], "NO_CONSENT")

    def test_only_members_who_opted_in_can_be_asked(self):
        channel = self.opt_in("s1")
        self.assertEqual(channel.dm("s1", "ask bob: what?")[0]["reason"], "NOT_OPTED_IN")
        self.assertEqual(channel.dm("s3", "ask alice: what?")[0]["reason"], "NOT_OPTED_IN")
        self.assertEqual(channel.dm("s1", "ask alice: what?")[0]["reason"], "NOT_OPTED_IN")
        self.assertEqual(channel.dm("s1", "ask dave: what?")[0]["reason"], "UNKNOWN")
        self.assertEqual(channel.bodies("consent_request"), [])

    def test_a_declined_question_is_closed(self):
        channel = self.asked_question()
        self.assertEqual(channel.post("s2", "decline q1")[0]["outcome"], "declined")
        self.assertEqual(channel.dm_effects("s2", "consent q1")[0]["body"]["reason"], "NO_SUCH_QUESTION")
        self.assertNotIn(QUESTION, json.dumps(channel.persisted))

    def test_withdrawing_before_the_answer_closes_the_question(self):
        for who in ("s1", "s2"):
            self.setUp()
            channel = self.asked_question()
            channel.dm_effects("s2", "consent q1")
            self.assertEqual(channel.dm_effects("s3", "withdraw q1")[0]["body"]["reason"], "NO_SUCH_QUESTION")
            [effects] = channel.dm_effects(who, "withdraw q1")
            self.assertEqual((effects["body"]["type"], effects["body"]["outcome"]), ("closed", "withdrawn"))
            self.assertEqual(channel.dm_effects("s2", f"answer q1: {ANSWER}")[0]["body"]["reason"], "NO_SUCH_QUESTION")
            self.assertNotIn(ANSWER, self.seen_by("s1"))

    def test_withdrawing_after_the_answer_notifies_the_asker(self):
        channel = self.asked_question()
        channel.dm_effects("s2", "consent q1")
        channel.dm_effects("s2", f"answer q1: {ANSWER}")
        effects = channel.dm_effects("s2", "withdraw q1")
        self.assertEqual([(e["to"], e["body"]["type"]) for e in effects], [(None, "withdrawn"), ("s1", "consent_withdrawn")])
        self.assertEqual(channel.dm_effects("s2", "withdraw q1")[0]["body"]["reason"], "NO_SUCH_QUESTION")

    def test_opting_out_and_leaving_close_open_questions(self):
        channel = self.asked_question()
        self.assertEqual(types(channel.post("s2", "opt out")), ["opted_out", "closed"])
        self.assertEqual(channel.post("s2", "opt out"), [])
        channel = self.asked_question()
        self.assertEqual(types(channel.leave("s1")), ["opted_out", "closed"])
        self.assertEqual(channel.post("s3", "!status")[0]["members"], ["s2"])
        channel.join("s1")
        self.assertEqual(channel.dm("s1", "ask bob: x")[0]["reason"], "NOT_OPTED_IN", "the next holder is somebody else")

    def test_questions_expire(self):
        channel = self.asked_question()
        self.assertEqual(channel.advance(24 * 3600 - 1), [])
        [closed] = channel.advance(1)
        self.assertEqual((closed["question"], closed["outcome"], channel.timers), ("q1", "expired", {}))

    def test_open_questions_and_their_length_are_limited(self):
        channel = self.opt_in()
        for n in range(5):
            channel.dm_effects("s1", f"ask bob: {n}?")
        self.assertEqual(channel.dm("s1", "ask bob: one more?")[0]["reason"], "TOO_MANY")
        for n in range(5):
            channel.dm_effects("s2", f"ask s1: {n}?")
        self.assertEqual(len(channel.post("s3", "!status")[0]["open"]), 10)
        self.assertEqual(len(channel.timers), 10)
        self.assertEqual(channel.dm("s2", "ask alice: " + "x" * 4001)[0]["reason"], "BAD_QUESTION")

    def test_a_limit_of_one_question_allows_one(self):
        channel = FakeChannel(MemoryBot, "alice", "bob", open_questions=1)
        channel.join("s1", "s2")
        for seat in ("s1", "s2"):
            channel.post(seat, "opt in")
        self.assertIn("asked", types(effect["body"] for effect in channel.dm_effects("s1", "ask bob: one?")))
        self.assertEqual(channel.dm("s2", "ask alice: two?")[0]["reason"], "TOO_MANY")

    def test_moves_as_data(self):
        channel = self.channel
        for seat in ("s1", "s2"):
            channel.post(seat, type="move", action="opt in")
        channel.post("s1", type="move", action="ask", to="s2", question=QUESTION)
        channel.post("s2", type="move", action="consent", number=1, share=True)
        [effects] = channel.post("s2", type="move", action="answer", number=1, answer=ANSWER)
        self.assertEqual(effects["answer"], ANSWER)
        for odd in ({"action": "close"}, {"action": ["ask"]}, {"action": None}):
            self.assertEqual(channel.post("s1", type="move", **odd), [])
        for odd in ({"action": "ask", "to": ["bob"]}, {"action": "ask", "to": "bob", "question": 7}, {"action": "consent", "number": {}},
                    {"action": "answer", "number": 1}):
            posted = channel.post("s1", type="move", **odd)
            self.assertEqual(types(posted), ["error"])

    def test_conversation_is_ignored_in_public_and_answered_in_private(self):
        for text in ("hello", "ask me anything", "I opt for pizza", "answer me!", "consent is important"):
            self.assertEqual(self.channel.post("s1", text), [], text)
            self.assertEqual(self.channel.dm("s1", text)[0]["reason"], "NOT_UNDERSTOOD")
        self.assertEqual(self.channel.post("bot:other", "opt in"), [])
        self.assertEqual(self.channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])

    def test_status_shows_a_question_only_to_its_addressee(self):
        channel = self.asked_question()
        self.assertNotIn(QUESTION, json.dumps(channel.post("s1", "!status")))
        self.assertIn(QUESTION, json.dumps(channel.dm("s2", "!status")))
        self.assertNotIn(QUESTION, json.dumps(channel.dm("s3", "!status")))
        self.assertEqual(types(channel.dm("s3", "!help") + channel.post("s3", "!help")), ["help", "help"])

    def test_the_words_of_a_question_are_kept_in_the_seats_of_those_who_know_them(self):
        channel = self.asked_question()
        self.assertNotIn(QUESTION, channel.persisted["state"])
        self.assertIn(QUESTION, json.dumps(channel.persisted["seats"]["s1"]))
        self.assertIn(QUESTION, json.dumps(channel.persisted["seats"]["s2"]))
        self.assertEqual(channel.persisted["seats"]["s3"], {})

    def test_the_next_holder_of_a_seat_gets_nothing_of_its_predecessor(self):
        for seat in ("s1", "s2"):
            for hook_fails in (False, True):
                with self.subTest(seat=seat, hook_fails=hook_fails):
                    self.setUp()
                    channel = self.asked_question()
                    if seat == "s2":
                        channel.dm_effects("s2", "consent q1")
                    channel.leave(seat, hook_fails=hook_fails)
                    before = len(channel.log)
                    channel.join(seat)
                    self.assertNotIn(QUESTION, json.dumps(channel.dm(seat, "!status")))
                    self.assertEqual(channel.dm(seat, f"answer q1: {ANSWER}")[0]["reason"], "NO_SUCH_QUESTION")
                    self.assertEqual(channel.dm(seat, "withdraw q1")[0]["reason"], "NO_SUCH_QUESTION")
                    self.assertEqual(channel.dm(seat, "ask carol: what?")[0]["reason"], "NOT_OPTED_IN")
                    other = "s2" if seat == "s1" else "s1"
                    self.assertEqual(channel.dm(other, f"ask {seat}: what?")[0]["reason"], "NOT_OPTED_IN")
                    if seat == "s1":  # the answer is for the asker, who is gone
                        channel.dm_effects("s2", "consent q1")
                        channel.dm_effects("s2", f"answer q1: {ANSWER}")
                    to_seat = [effect["body"] for effect in channel.log[before:] if effect["to"] == seat]
                    self.assertNotIn(ANSWER, json.dumps(to_seat))
                    self.assertNotIn(QUESTION, json.dumps(to_seat))

    def test_an_answer_cannot_be_withdrawn_by_the_next_holder_nor_is_the_next_holder_notified(self):
        for seat in ("s1", "s2"):
            self.setUp()
            channel = self.asked_question()
            channel.dm_effects("s2", "consent q1")
            channel.dm_effects("s2", f"answer q1: {ANSWER}")
            channel.leave(seat, hook_fails=True)
            channel.join(seat)
            effects = channel.dm_effects("s2", "withdraw q1")
            expected = ["withdrawn"] if seat == "s1" else ["error"]
            self.assertEqual(types([effect["body"] for effect in effects]), expected)

    def test_closing_the_channel_closes_open_questions_without_their_words(self):
        channel = self.asked_question()
        [closed] = channel.close()
        self.assertEqual((closed["question"], closed["outcome"], channel.timers), ("q1", "closed", {}))
        self.assertNotIn(QUESTION, json.dumps(closed))
        self.assertNotIn(QUESTION, json.dumps(channel.persisted))

    def test_invalid_params_are_refused(self):
        for params, word in (({"x": 1}, "no parameter"), ({"hours": 0}, "'hours'"), ({"open_questions": 17}, "'open_questions'")):
            with self.assertRaisesRegex(ValueError, word):
                FakeChannel(MemoryBot, "alice", **params)


if __name__ == "__main__":
    unittest.main()
