"""How ContractBot rules: by terms that every party accepted, and by nothing else."""

import copy
import hashlib
import json
import pathlib
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from table import Table, load, types  # noqa: E402

contract = load("contract_bot")
TERMS = {
    "title": "A report", "text": "bob writes a report of 500 words for alice.", "parties": ["alice", "bob"],
    "obligations": [{
        "id": "deliver", "by": "bob", "to": "alice", "text": "bob delivers", "deadline_seconds": 1000,
        "evidence": {"url": {"type": "string", "starts_with": "https://"}, "words": {"type": "integer", "min": 500}},
        "objection_seconds": 100, "objection": {"failed_test": {"type": "string", "min": 3}}, "amount": 100, "penalty": 20}],
}
JUDGE = {"model": "judge-1", "base_url": "https://models.example/v1"}
EVIDENCE = {"url": "https://example.com/r", "words": 512}


def offered(terms=None, env=None, **changes):
    terms = copy.deepcopy(terms or TERMS)
    terms["obligations"][0].update({key: value for key, value in changes.items() if key != "judge"})
    if "judge" in changes:
        terms["judge"] = changes["judge"]
    table = Table(contract.ContractBot, "alice", "bob", "carol", env=env, terms=terms)
    table.join("s1", "s2", "s3")
    return table


def in_force(**changes):
    table = offered(**changes)
    for seat in ("s1", "s2"):
        table.say(seat, f"accept {table.last('terms')['terms_hash']}")
    return table


def claim(table, evidence=EVIDENCE):
    return table.say("s2", type="move", action="claim", obligation="deliver", evidence=evidence)


def objection(table):
    return table.say("s1", 'object deliver {"failed_test": "too short"}')


class Acceptance(unittest.TestCase):
    def test_the_hash_is_of_the_terms_that_were_posted(self):
        said = offered().last("terms")
        text = json.dumps(said["terms"], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        self.assertEqual(said["terms_hash"], "sha256:" + hashlib.sha256(text.encode()).hexdigest())
        self.assertIn(said["terms_hash"], said["text"])

    def test_it_counts_when_all_parties_have_accepted_this_very_hash(self):
        table = offered()
        right = table.last("terms")["terms_hash"]
        self.assertEqual(claim(table)[0]["reason"], "NOT_IN_FORCE")
        self.assertEqual(table.say("s1", "accept sha256:" + "0" * 64)[0]["reason"], "WRONG_HASH")
        self.assertEqual(table.say("s3", f"accept {right}")[0]["reason"], "NOT_A_PARTY")
        self.assertEqual(table.say("s1", f"Accept `{right}`.")[0]["missing"], ["bob"])
        self.assertEqual(table.say("s1", f"accept {right}"), [])
        self.assertEqual(claim(table)[0]["reason"], "NOT_IN_FORCE")
        self.assertEqual(types(table.say("s2", type="move", action="accept", value=right)), ["accepted", "in_force"])
        self.assertEqual(table.timers, {"due:deliver": 1000})

    def test_who_leaves_before_takes_the_acceptance_along(self):
        table = offered()
        right = table.last("terms")["terms_hash"]
        table.say("s1", f"accept {right}")
        table.leave("s1")
        self.assertEqual(table.say("s2", f"accept {right}")[0]["missing"], ["alice"])

    def test_a_successor_has_to_accept_before_acting(self):
        table = in_force()
        table.leave("s2")
        table.join("s2")
        self.assertEqual(claim(table)[0]["reason"], "NOT_IN_FORCE")
        self.assertEqual(types(table.say("s2", f"accept {table.last('terms')['terms_hash']}")), ["accepted"])
        self.assertEqual(types(claim(table)), ["claimed"])

    def test_any_other_term_has_another_hash(self):
        hashes = {offered(**change).last("terms")["terms_hash"]
                  for change in ({}, {"amount": 101}, {"text": "x"}, {"judge": JUDGE}, {"evidence": {}})}
        self.assertEqual(len(hashes), 5)


class Rulings(unittest.TestCase):
    def test_a_claim_that_nobody_objects_to(self):
        table = in_force()
        self.assertEqual(types(claim(table)), ["claimed"])
        self.assertEqual(table.wait(99), [])
        ruling, settled = table.wait(1)
        self.assertEqual((ruling["outcome"], ruling["owed"]), ("fulfilled", {"from": "alice", "to": "bob", "amount": 100}))
        self.assertEqual((settled["net"], settled["outcomes"]), ({"alice": -100, "bob": 100}, {"deliver": "fulfilled"}))
        self.assertEqual(table.timers, {})
        self.assertEqual(claim(table)[0]["reason"], "NOT_IN_FORCE")

    def test_the_deadline(self):
        table = in_force()
        self.assertEqual(table.wait(999), [])
        ruling, settled = table.wait(1)
        self.assertEqual((ruling["outcome"], settled["net"]), ("breached", {"alice": 20, "bob": -20}))

    def test_a_claim_in_time_is_decided_after_the_deadline(self):
        table = in_force()
        table.wait(950)
        claim(table)
        self.assertEqual(table.wait(50), [])
        self.assertEqual(table.wait(50)[0]["outcome"], "fulfilled")

    def test_evidence_that_lacks_something_is_refused_with_all_reasons(self):
        table = in_force()
        [said] = claim(table, {"url": "http://example.com", "words": 12})
        self.assertEqual(said["problems"], ["'url' must start with \"https://\"", "'words' must be at least 500"])
        self.assertEqual(claim(table, {})[0]["problems"], ["'url' is missing", "'words' is missing"])
        for odd in (None, [], "x", 7, {"url": "https://" + "x" * 3000}):
            self.assertEqual(types(claim(table, odd)), ["claim_refused"])
        self.assertEqual(table.say("s2", "claim deliver {not json")[0]["type"], "claim_refused")
        self.assertEqual(types(table.say("s2", f"claim deliver {json.dumps(EVIDENCE)}")), ["claimed"])

    def test_each_condition(self):
        digest = hashlib.sha256("gl\u00fcck".encode()).hexdigest()
        for conditions, fits, misfits in (
                ({"type": "number"}, [1, 1.5], ["1", True]), ({"type": "integer"}, [1], [1.5, True]),
                ({"type": "boolean"}, [True], [1]), ({"type": "list", "min": 2}, [[1, 2]], [[1], "ab"]),
                ({"equals": 7}, [7], ["7", 7.5]), ({"one_of": ["a", None]}, ["a", None], ["b", ""]),
                ({"max": 3}, [3, "abc"], [4, "abcd", None]), ({"contains": "b"}, ["abc"], ["ac", ["b"]]),
                ({"sha256": digest}, ["gl\u00fcck"], ["gluck", None]), ({"type": "object"}, [{}], [[]])):
            for given in fits:
                self.assertEqual(contract.check({"x": given}, {"x": conditions}), [], (conditions, given))
            for given in misfits:
                self.assertEqual(len(contract.check({"x": given}, {"x": conditions})), 1, (conditions, given))

    def test_an_objection_reopens_and_the_third_one_decides(self):
        table = in_force()
        for _ in range(2):
            claim(table)
            self.assertEqual(table.say("s1", "object deliver {}")[0]["type"], "objection_refused")
            self.assertEqual(types(objection(table)), ["objected", "claim_open"])
            self.assertEqual(list(table.timers), ["due:deliver"])
        claim(table)
        self.assertEqual(types(objection(table)), ["objected", "ruling", "settled"])
        self.assertEqual(table.last("ruling")["outcome"], "breached")

    def test_an_objection_after_the_deadline_decides(self):
        table = in_force()
        table.wait(950)
        claim(table)
        table.wait(60)
        self.assertEqual(objection(table)[1]["outcome"], "breached")

    def test_without_time_to_object_a_claim_counts_at_once(self):
        table = in_force(objection_seconds=0)
        self.assertEqual(types(claim(table)), ["claimed", "ruling", "settled"])

    def test_only_the_right_side_may_claim_or_object(self):
        table = in_force()
        self.assertEqual(objection(table)[0]["reason"], "BAD_MOVE")
        self.assertEqual(table.say("s1", f"claim deliver {json.dumps(EVIDENCE)}")[0]["reason"], "BAD_MOVE")
        claim(table)
        self.assertEqual(table.say("s2", 'object deliver {"failed_test": "mine"}')[0]["reason"], "BAD_MOVE")
        self.assertEqual(claim(table)[0]["reason"], "BAD_MOVE")
        self.assertEqual(table.say("s2", "claim other {}")[0]["reason"], "NO_SUCH_OBLIGATION")
        self.assertEqual(table.say("s1", "rule deliver")[0]["reason"], "BAD_MOVE")

    def test_two_obligations_are_balanced(self):
        terms = copy.deepcopy(TERMS)
        terms["obligations"].append(dict(terms["obligations"][0], id="pay", by="alice", to="bob", amount=0, penalty=50, evidence={}))
        table = offered(terms)
        for seat in ("s1", "s2"):
            table.say(seat, f"accept {table.last('terms')['terms_hash']}")
        claim(table)
        table.wait(1000)
        self.assertEqual(table.last("settled")["net"], {"alice": -150, "bob": 150})


class Judge(unittest.TestCase):
    def disputed(self, answers, key="sk-secret"):
        table = in_force(judge=JUDGE, env={"OPENAI_API_KEY": key})
        claim(table)
        with mock.patch.object(contract.requests, "post", side_effect=answers) as post:
            said = objection(table)
        return table, said, post

    def answer(self, content, status=200):
        reply = {"choices": [{"message": {"content": content}}]}
        return mock.Mock(status_code=status, json=lambda: reply)

    def test_prompt_and_answer_are_in_the_log_and_the_key_is_not(self):
        content = '{"outcome": "breached", "reason": "It is too short."}'
        table, said, post = self.disputed([self.answer(content)])
        self.assertEqual(types(said), ["objected", "judge_prompt", "judge_answer", "ruling", "settled"])
        self.assertEqual(post.call_args.args, ("https://models.example/v1/chat/completions",))
        self.assertEqual(post.call_args.kwargs["json"]["messages"], said[1]["messages"])
        self.assertEqual(post.call_args.kwargs["headers"], {"Authorization": "Bearer sk-secret"})
        self.assertEqual((said[2]["answer"], said[3]["outcome"]), (content, "breached"))
        facts = json.loads(said[1]["messages"][1]["content"])
        self.assertEqual((facts["claims"][0]["evidence"], facts["terms"]), (EVIDENCE, table.last("terms")["terms"]))
        self.assertNotIn("sk-secret", json.dumps(table.log) + table.kept["state"])

    def test_a_fenced_answer_is_read_too(self):
        _, said, _ = self.disputed([self.answer('```json\n{"outcome": "fulfilled", "reason": "ok"}\n```')])
        self.assertEqual(said[3]["outcome"], "fulfilled")

    def test_a_judge_that_fails_can_be_asked_again(self):
        for wrong in (self.answer("{}", 500), self.answer("I rule for alice"), self.answer('{"outcome": "maybe", "reason": ""}'),
                      self.answer(None), self.answer("[]"), contract.requests.exceptions.ConnectTimeout("slow")):
            table, said, _ = self.disputed([wrong])
            self.assertEqual(types(said), ["objected", "judge_prompt", "judge_failed"])
            table.wait(2000)
            self.assertEqual(table.state["cases"]["deliver"]["status"], "disputed", "no deadline decides a dispute")
            with mock.patch.object(contract.requests, "post", side_effect=[self.answer('{"outcome": "fulfilled", "reason": "x"}')]):
                self.assertEqual(types(table.say("s1", "rule deliver")), ["judge_prompt", "judge_answer", "ruling", "settled"])


class Words(unittest.TestCase):
    def test_talk_is_free(self):
        table = in_force()
        for text in ("hello", "I accept that", "accept this!", "claim your prize now", "object to nothing", "rule the world now", ""):
            self.assertEqual(table.say("s1", text), [], text)
        self.assertEqual(table.say("bot:other", "!status"), [])
        self.assertEqual(table.hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])
        for odd in ({"action": "check"}, {"action": ["claim"]}, {"action": "claim", "obligation": ["deliver"]}):
            self.assertEqual(table.say("s1", type="move", **odd), [])

    def test_status_and_help(self):
        table = in_force()
        self.assertEqual(table.say("s1", "!status")[0]["phase"], "in_force")
        self.assertEqual(table.dm("s3", "!status"), table.say("s1", "!status"))
        self.assertEqual(table.dm("s3", "?"), table.say("s1", "!help"))

    def test_terms_that_are_unclear_are_refused(self):
        def terms(**change):
            return {"terms": {**TERMS, **change}}

        def obligation(**change):
            return terms(obligations=[{**TERMS["obligations"][0], **change}])

        for params, word in (({}, "'terms'"), ({"terms": {}}, "text, parties"), (terms(extra=1), "nothing else"),
                             (terms(parties=["alice"]), "'parties'"), (terms(parties=["alice", "zoe"]), "'by' and 'to'"),
                             (terms(judge={"model": "x"}), "'judge'"), (terms(text="x" * 10_000), "10000"), (terms(text=1), "texts"),
                             (obligation(id="a b"), "'id'"), (obligation(deadline_seconds=0), "'deadline_seconds'"),
                             (obligation(deadline_seconds=31 * 86400), "'deadline_seconds'"), (obligation(to="bob"), "'by' and 'to'"),
                             (obligation(amount=-1), "'amount'"), (obligation(due=1), "fields"), (obligation(evidence=[]), "'evidence'"),
                             (obligation(evidence={"x": {"matches": "a*"}}), "conditions"), (obligation(evidence={"x": {"type": "date"}}), "conditions"),
                             (terms(obligations=TERMS["obligations"] * 2), "two obligations")):
            with self.subTest(word), self.assertRaisesRegex(ValueError, word):
                Table(contract.ContractBot, "alice", "bob", **params)
        with self.assertRaisesRegex(ValueError, "exactly one invite slot"):
            Table(contract.ContractBot, "alice", **terms())


if __name__ == "__main__":
    unittest.main()
