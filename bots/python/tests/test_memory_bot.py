"""What MemoryBot promises: no question without opting in, no answer without consent, no word to anybody else."""

import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from table import Table, load, types  # noqa: E402

MemoryBot = load("memory_bot").MemoryBot
QUESTION, ANSWER = "what would Carol like for dinner?", "anything with mushrooms"


class Exchange(unittest.TestCase):
    def setUp(self):
        self.table = Table(MemoryBot, "alice", "bob", "carol")
        self.table.join("s1", "s2", "s3")

    def opted(self, *seats):
        for seat in seats or ("s1", "s2"):
            self.table.say(seat, "opt in")
        return self.table

    def asked(self):
        table = self.opted()
        table.whisper("s1", f"ask bob: {QUESTION}")
        return table

    def seen_by(self, seat):
        """All that a seat can read of what the bot said."""
        return json.dumps([effect["body"] for effect in self.table.log if effect["to"] in (None, seat)], ensure_ascii=False)

    def test_ask_consent_answer(self):
        table = self.asked()
        self.assertEqual([(e["to"], e["body"]["type"]) for e in table.log[-2:]], [(None, "asked"), ("s2", "consent_request")])
        self.assertEqual(table.last("consent_request")["words"], QUESTION)
        told = table.whisper("s2", "consent q1")
        self.assertEqual([(e["to"], e["body"]["type"]) for e in told], [(None, "consented"), ("s2", "answer_awaited")])
        told = table.whisper("s2", f"answer q1: {ANSWER}")
        self.assertEqual([(e["to"], e["body"]["type"]) for e in told], [("s1", "answer"), (None, "answered")])
        self.assertEqual(table.last("answer")["answer"], ANSWER)
        self.assertNotIn(QUESTION, self.seen_by("s3"))
        self.assertNotIn(ANSWER, self.seen_by("s3"))
        self.assertEqual(table.timers, {})
        self.assertNotIn(QUESTION, table.kept["state"], "words are forgotten once they are passed")
        self.assertNotIn(ANSWER, table.kept["state"])

    def test_consent_to_share(self):
        table = self.asked()
        table.say("s2", "consent q1 share")
        self.assertNotIn(QUESTION, self.seen_by("s3"))
        [told] = table.whisper("s2", f"answer q1: {ANSWER}")
        self.assertEqual((told["to"], told["body"]["shared"], told["body"]["answer"]), (None, True, ANSWER))

    def test_no_answer_without_consent(self):
        table = self.asked()
        [told] = table.whisper("s2", f"answer q1: {ANSWER}")
        self.assertEqual((told["to"], told["body"]["reason"]), ("s2", "NO_CONSENT"))
        self.assertNotIn(ANSWER, table.kept["state"])
        for other in ("s1", "s3"):
            self.assertEqual(table.whisper(other, "consent q1")[0]["body"]["reason"], "NO_SUCH_QUESTION")
            self.assertEqual(table.whisper(other, f"answer q1: {ANSWER}")[0]["body"]["reason"], "NO_SUCH_QUESTION")
        self.assertNotIn(ANSWER, self.seen_by("s1"))

    def test_consent_is_for_one_question(self):
        table = self.asked()
        table.whisper("s1", "ask bob: and for lunch?")
        table.whisper("s2", "consent q1")
        self.assertEqual(table.whisper("s2", "answer q2: soup")[0]["body"]["reason"], "NO_CONSENT")

    def test_nobody_is_asked_who_did_not_opt_in(self):
        table = self.opted("s1")
        self.assertEqual(table.dm("s1", "ask bob: what?")[0]["reason"], "NOT_OPTED_IN")
        self.assertEqual(table.dm("s3", "ask alice: what?")[0]["reason"], "NOT_OPTED_IN")
        self.assertEqual(table.dm("s1", "ask alice: what?")[0]["reason"], "NOT_OPTED_IN")
        self.assertEqual(table.dm("s1", "ask dave: what?")[0]["reason"], "UNKNOWN")
        self.assertEqual(table.events("consent_request"), [])

    def test_decline(self):
        table = self.asked()
        self.assertEqual(table.say("s2", "decline q1")[0]["outcome"], "declined")
        self.assertEqual(table.whisper("s2", "consent q1")[0]["body"]["reason"], "NO_SUCH_QUESTION")
        self.assertNotIn(QUESTION, table.kept["state"])

    def test_withdraw_before_the_answer(self):
        for who in ("s1", "s2"):
            self.setUp()
            table = self.asked()
            table.whisper("s2", "consent q1")
            self.assertEqual(table.whisper("s3", "withdraw q1")[0]["body"]["reason"], "NO_SUCH_QUESTION")
            [told] = table.whisper(who, "withdraw q1")
            self.assertEqual((told["body"]["type"], told["body"]["outcome"]), ("closed", "withdrawn"))
            self.assertEqual(table.whisper("s2", f"answer q1: {ANSWER}")[0]["body"]["reason"], "NO_SUCH_QUESTION")
            self.assertNotIn(ANSWER, self.seen_by("s1"))

    def test_withdraw_after_the_answer_tells_the_receiver(self):
        table = self.asked()
        table.whisper("s2", "consent q1")
        table.whisper("s2", f"answer q1: {ANSWER}")
        told = table.whisper("s2", "withdraw q1")
        self.assertEqual([(e["to"], e["body"]["type"]) for e in told], [(None, "withdrawn"), ("s1", "consent_withdrawn")])
        self.assertEqual(table.whisper("s2", "withdraw q1")[0]["body"]["reason"], "NO_SUCH_QUESTION")

    def test_opt_out_and_leave_close_what_is_open(self):
        table = self.asked()
        self.assertEqual(types(table.say("s2", "opt out")), ["opted_out", "closed"])
        self.assertEqual(table.say("s2", "opt out"), [])
        table = self.asked()
        self.assertEqual(types(table.leave("s1")), ["opted_out", "closed"])
        self.assertEqual(table.state["members"], ["s2"])
        table.join("s1")
        self.assertEqual(table.dm("s1", "ask bob: x")[0]["reason"], "NOT_OPTED_IN", "the next holder is somebody else")

    def test_questions_close_in_time(self):
        table = self.asked()
        self.assertEqual(table.wait(24 * 3600 - 1), [])
        [closed] = table.wait(1)
        self.assertEqual((closed["question"], closed["outcome"], table.timers), ("q1", "expired", {}))

    def test_not_too_many(self):
        table = self.opted()
        for n in range(5):
            table.whisper("s1", f"ask bob: {n}?")
        self.assertEqual(table.dm("s1", "ask bob: one more?")[0]["reason"], "TOO_MANY")
        for n in range(5):
            table.whisper("s2", f"ask s1: {n}?")
        self.assertEqual(len(table.state["open"]), 10)
        self.assertEqual(len(table.timers), 10)
        self.assertEqual(table.dm("s2", "ask alice: " + "x" * 4001)[0]["reason"], "BAD_QUESTION")

    def test_data(self):
        table = self.table
        for seat in ("s1", "s2"):
            table.say(seat, type="move", action="opt in")
        table.say("s1", type="move", action="ask", to="s2", question=QUESTION)
        table.say("s2", type="move", action="consent", number=1, share=True)
        [told] = table.say("s2", type="move", action="answer", number=1, answer=ANSWER)
        self.assertEqual(told["answer"], ANSWER)
        for odd in ({"action": "close"}, {"action": ["ask"]}, {"action": None}):
            self.assertEqual(table.say("s1", type="move", **odd), [])
        for odd in ({"action": "ask", "to": ["bob"]}, {"action": "ask", "to": "bob", "question": 7}, {"action": "consent", "number": {}},
                    {"action": "answer", "number": 1}):
            said = table.say("s1", type="move", **odd)
            self.assertEqual(types(said), ["error"])

    def test_talk_is_free_in_public_and_answered_in_private(self):
        for text in ("hello", "ask me anything", "I opt for pizza", "answer me!", "consent is important"):
            self.assertEqual(self.table.say("s1", text), [], text)
            self.assertEqual(self.table.dm("s1", text)[0]["reason"], "NOT_UNDERSTOOD")
        self.assertEqual(self.table.say("bot:other", "opt in"), [])
        self.assertEqual(self.table.hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])

    def test_status_shows_words_to_those_who_have_them(self):
        table = self.asked()
        self.assertNotIn(QUESTION, json.dumps(table.say("s1", "!status")))
        self.assertIn(QUESTION, json.dumps(table.dm("s2", "!status")))
        self.assertNotIn(QUESTION, json.dumps(table.dm("s3", "!status")))
        self.assertEqual(types(table.dm("s3", "!help") + table.say("s3", "!help")), ["help", "help"])

    def test_params(self):
        for params, word in (({"x": 1}, "no parameter"), ({"hours": 0}, "'hours'"), ({"open_questions": 17}, "'open_questions'")):
            with self.assertRaisesRegex(ValueError, word):
                Table(MemoryBot, "alice", **params)


if __name__ == "__main__":
    unittest.main()
