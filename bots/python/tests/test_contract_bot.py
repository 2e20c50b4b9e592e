"""ContractBot rules only by terms that every party has accepted."""

import copy
import hashlib
import json
import pathlib
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load, types  # noqa: E402

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
    channel = FakeChannel(contract.ContractBot, "alice", "bob", "carol", env=env, terms=terms)
    channel.join("s1", "s2", "s3")
    return channel


def in_force(**changes):
    channel = offered(**changes)
    for seat in ("s1", "s2"):
        channel.post(seat, f"accept {channel.last('terms')['terms_hash']}")
    return channel


def claim(channel, evidence=EVIDENCE):
    return channel.post("s2", type="move", action="claim", obligation="deliver", evidence=evidence)


def objection(channel):
    return channel.post("s1", 'object deliver {"failed_test": "too short"}')


class Acceptance(unittest.TestCase):
    def test_the_hash_is_that_of_the_posted_terms(self):
        posted = offered().last("terms")
        text = json.dumps(posted["terms"], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        self.assertEqual(posted["terms_hash"], "sha256:" + hashlib.sha256(text.encode()).hexdigest())
        self.assertIn(posted["terms_hash"], posted["text"])

    def test_the_contract_is_in_force_once_all_parties_accepted_its_hash(self):
        channel = offered()
        right = channel.last("terms")["terms_hash"]
        self.assertEqual(claim(channel)[0]["reason"], "NOT_IN_FORCE")
        self.assertEqual(channel.post("s1", "accept sha256:" + "0" * 64)[0]["reason"], "WRONG_HASH")
        self.assertEqual(channel.post("s3", f"accept {right}")[0]["reason"], "NOT_A_PARTY")
        self.assertEqual(channel.post("s1", f"Accept `{right}`.")[0]["missing"], ["bob"])
        self.assertEqual(channel.post("s1", f"accept {right}"), [])
        self.assertEqual(claim(channel)[0]["reason"], "NOT_IN_FORCE")
        self.assertEqual(types(channel.post("s2", type="move", action="accept", value=right)), ["accepted", "in_force"])
        self.assertEqual(channel.timers, {"due:deliver": 1000})

    def test_leaving_withdraws_the_acceptance(self):
        channel = offered()
        right = channel.last("terms")["terms_hash"]
        channel.post("s1", f"accept {right}")
        channel.leave("s1")
        self.assertEqual(channel.post("s2", f"accept {right}")[0]["missing"], ["alice"])

    def test_the_next_holder_of_a_seat_must_accept_before_acting(self):
        channel = in_force()
        channel.leave("s2")
        channel.join("s2")
        self.assertEqual(claim(channel)[0]["reason"], "NOT_IN_FORCE")
        self.assertEqual(types(channel.post("s2", f"accept {channel.last('terms')['terms_hash']}")), ["accepted"])
        self.assertEqual(types(claim(channel)), ["claimed"])

    def test_an_acceptance_never_passes_to_the_next_holder_of_a_seat(self):
        channel = in_force()
        channel.leave("s2", hook_fails=True)
        channel.join("s2")
        self.assertEqual(claim(channel)[0]["reason"], "NOT_IN_FORCE")
        self.assertEqual(types(channel.post("s2", f"accept {channel.last('terms')['terms_hash']}")), ["accepted"])

    def test_the_acceptance_of_a_former_holder_does_not_bring_the_contract_into_force(self):
        channel = offered()
        right = channel.last("terms")["terms_hash"]
        channel.post("s2", f"accept {right}")
        channel.leave("s2", hook_fails=True)
        channel.join("s2")
        self.assertEqual(channel.post("s1", f"accept {right}")[0]["missing"], ["bob"])

    def test_different_terms_have_different_hashes(self):
        hashes = {offered(**change).last("terms")["terms_hash"]
                  for change in ({}, {"amount": 101}, {"text": "x"}, {"judge": JUDGE}, {"evidence": {}})}
        self.assertEqual(len(hashes), 5)


class Rulings(unittest.TestCase):
    def test_a_claim_without_objection_is_fulfilled(self):
        channel = in_force()
        self.assertEqual(types(claim(channel)), ["claimed"])
        self.assertEqual(channel.advance(99), [])
        ruling, settled = channel.advance(1)
        self.assertEqual((ruling["outcome"], ruling["owed"]), ("fulfilled", {"from": "alice", "to": "bob", "amount": 100}))
        self.assertEqual((settled["net"], settled["outcomes"]), ({"alice": -100, "bob": 100}, {"deliver": "fulfilled"}))
        self.assertEqual(channel.timers, {})
        self.assertEqual(claim(channel)[0]["reason"], "NOT_IN_FORCE")

    def test_a_missed_deadline_is_a_breach(self):
        channel = in_force()
        self.assertEqual(channel.advance(999), [])
        ruling, settled = channel.advance(1)
        self.assertEqual((ruling["outcome"], settled["net"]), ("breached", {"alice": 20, "bob": -20}))

    def test_a_claim_before_the_deadline_may_be_decided_after_it(self):
        channel = in_force()
        channel.advance(950)
        claim(channel)
        self.assertEqual(channel.advance(50), [])
        self.assertEqual(channel.advance(50)[0]["outcome"], "fulfilled")

    def test_incomplete_evidence_is_refused_with_all_reasons(self):
        channel = in_force()
        [posted] = claim(channel, {"url": "http://example.com", "words": 12})
        self.assertEqual(posted["problems"], ["'url' must start with \"https://\"", "'words' must be at least 500"])
        self.assertEqual(claim(channel, {})[0]["problems"], ["'url' is missing", "'words' is missing"])
        for odd in (None, [], "x", 7, {"url": "https://" + "x" * 3000}):
            self.assertEqual(types(claim(channel, odd)), ["claim_refused"])
        self.assertEqual(channel.post("s2", "claim deliver {not json")[0]["type"], "claim_refused")
        self.assertEqual(types(channel.post("s2", f"claim deliver {json.dumps(EVIDENCE)}")), ["claimed"])

    def test_each_condition_on_evidence(self):
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

    def test_two_objections_reopen_the_claim_and_the_third_decides(self):
        channel = in_force()
        for _ in range(2):
            claim(channel)
            self.assertEqual(channel.post("s1", "object deliver {}")[0]["type"], "objection_refused")
            self.assertEqual(types(objection(channel)), ["objected", "claim_open"])
            self.assertEqual(list(channel.timers), ["due:deliver"])
        claim(channel)
        self.assertEqual(types(objection(channel)), ["objected", "ruling", "settled"])
        self.assertEqual(channel.last("ruling")["outcome"], "breached")

    def test_an_objection_after_the_deadline_decides(self):
        channel = in_force()
        channel.advance(950)
        claim(channel)
        channel.advance(60)
        self.assertEqual(objection(channel)[1]["outcome"], "breached")

    def test_without_an_objection_period_a_claim_is_fulfilled_at_once(self):
        channel = in_force(objection_seconds=0)
        self.assertEqual(types(claim(channel)), ["claimed", "ruling", "settled"])

    def test_only_the_entitled_party_may_claim_or_object(self):
        channel = in_force()
        self.assertEqual(objection(channel)[0]["reason"], "BAD_MOVE")
        self.assertEqual(channel.post("s1", f"claim deliver {json.dumps(EVIDENCE)}")[0]["reason"], "BAD_MOVE")
        claim(channel)
        self.assertEqual(channel.post("s2", 'object deliver {"failed_test": "mine"}')[0]["reason"], "BAD_MOVE")
        self.assertEqual(claim(channel)[0]["reason"], "BAD_MOVE")
        self.assertEqual(channel.post("s2", "claim other {}")[0]["reason"], "NO_SUCH_OBLIGATION")
        self.assertEqual(channel.post("s1", "rule deliver")[0]["reason"], "BAD_MOVE")

    def test_the_amounts_of_two_obligations_are_offset(self):
        terms = copy.deepcopy(TERMS)
        terms["obligations"].append(dict(terms["obligations"][0], id="pay", by="alice", to="bob", amount=0, penalty=50, evidence={}))
        channel = offered(terms)
        for seat in ("s1", "s2"):
            channel.post(seat, f"accept {channel.last('terms')['terms_hash']}")
        claim(channel)
        channel.advance(1000)
        self.assertEqual(channel.last("settled")["net"], {"alice": -150, "bob": 150})


class HeldSeats(unittest.TestCase):
    def test_a_contract_in_force_holds_the_seats_until_it_is_settled(self):
        channel = offered()
        right = channel.last("terms")["terms_hash"]
        channel.post("s1", f"accept {right}")
        self.assertEqual(channel.held_seconds, 0)
        channel.post("s2", f"accept {right}")
        self.assertEqual(channel.held_seconds, 86_400)
        channel.advance(1000)
        self.assertEqual((channel.log[-1]["body"]["type"], channel.held_seconds), ("settled", 0))

    def test_commands_of_the_parties_renew_the_hold(self):
        channel = in_force(deadline_seconds=100_000)
        channel.advance(80_000)
        for seat, text in (("s3", "!status"), ("s1", "hello")):
            channel.post(seat, text)
            channel.dm("s3", text)
        self.assertEqual(channel.held_seconds, 6400)
        channel.dm("s2", "!status")
        self.assertEqual(channel.held_seconds, 86_400)
        channel.advance(10_000)
        claim(channel, {})
        self.assertEqual(channel.held_seconds, 86_400)


class Closing(unittest.TestCase):
    def test_a_contract_in_force_ends_with_what_was_ruled_and_what_was_not(self):
        terms = copy.deepcopy(TERMS)
        terms["obligations"].append(dict(terms["obligations"][0], id="pay", by="alice", to="bob", amount=0, penalty=50,
                                         evidence={}, objection_seconds=0))
        channel = offered(terms)
        for seat in ("s1", "s2"):
            channel.post(seat, f"accept {channel.last('terms')['terms_hash']}")
        channel.post("s1", "claim pay")
        claim(channel)
        [end] = channel.close()
        self.assertEqual((end["type"], end["reason"]), ("unsettled", "closed"))
        self.assertEqual(end["outcomes"], {"deliver": "claimed", "pay": "fulfilled"})
        self.assertEqual((end["net"], channel.held_seconds), ({"alice": 0, "bob": 0}, 0))
        self.assertEqual(channel.close(), [])

    def test_a_contract_that_is_not_in_force_ends_without_a_word(self):
        self.assertEqual(offered().close(), [])


class Judge(unittest.TestCase):
    def disputed(self, answers, key="sk-secret"):
        channel = in_force(judge=JUDGE, env={"OPENAI_API_KEY": key})
        claim(channel)
        with mock.patch.object(contract.requests, "post", side_effect=answers) as post:
            posted = objection(channel)
        return channel, posted, post

    def answer(self, content, status=200):
        reply = {"choices": [{"message": {"content": content}}]}
        return mock.Mock(status_code=status, json=lambda: reply)

    def test_the_log_has_prompt_and_answer_but_not_the_key(self):
        content = '{"outcome": "breached", "reason": "It is too short."}'
        channel, posted, post = self.disputed([self.answer(content)])
        self.assertEqual(types(posted), ["objected", "judge_prompt", "judge_answer", "ruling", "settled"])
        self.assertEqual(post.call_args.args, ("https://models.example/v1/chat/completions",))
        self.assertEqual(post.call_args.kwargs["json"]["messages"], posted[1]["messages"])
        self.assertEqual(post.call_args.kwargs["headers"], {"Authorization": "Bearer sk-secret"})
        self.assertEqual((posted[2]["answer"], posted[3]["outcome"]), (content, "breached"))
        facts = json.loads(posted[1]["messages"][1]["content"])
        self.assertEqual((facts["claims"][0]["evidence"], facts["terms"]), (EVIDENCE, channel.last("terms")["terms"]))
        self.assertNotIn("sk-secret", json.dumps(channel.log) + channel.persisted["state"])

    def test_a_fenced_answer_is_accepted(self):
        _, posted, _ = self.disputed([self.answer('```json\n{"outcome": "fulfilled", "reason": "ok"}\n```')])
        self.assertEqual(posted[3]["outcome"], "fulfilled")

    def test_a_failed_judge_can_be_asked_again(self):
        for wrong in (self.answer("{}", 500), self.answer("I rule for alice"), self.answer('{"outcome": "maybe", "reason": ""}'),
                      self.answer(None), self.answer("[]"), contract.requests.exceptions.ConnectTimeout("slow")):
            channel, posted, _ = self.disputed([wrong])
            self.assertEqual(types(posted), ["objected", "judge_prompt", "judge_failed"])
            channel.advance(2000)
            self.assertEqual(channel.state["cases"]["deliver"]["status"], "disputed", "no deadline decides a dispute")
            with mock.patch.object(contract.requests, "post", side_effect=[self.answer('{"outcome": "fulfilled", "reason": "x"}')]):
                self.assertEqual(types(channel.post("s1", "rule deliver")), ["judge_prompt", "judge_answer", "ruling", "settled"])


class Commands(unittest.TestCase):
    def test_conversation_and_other_bots_are_ignored(self):
        channel = in_force()
        for text in ("hello", "I accept that", "accept this!", "claim your prize now", "object to nothing", "rule the world now", ""):
            self.assertEqual(channel.post("s1", text), [], text)
        self.assertEqual(channel.post("bot:other", "!status"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])
        for odd in ({"action": "check"}, {"action": ["claim"]}, {"action": "claim", "obligation": ["deliver"]}):
            self.assertEqual(channel.post("s1", type="move", **odd), [])

    def test_status_and_help(self):
        channel = in_force()
        self.assertEqual(channel.post("s1", "!status")[0]["phase"], "in_force")
        self.assertEqual(channel.dm("s3", "!status"), channel.post("s1", "!status"))
        self.assertEqual(channel.dm("s3", "?"), channel.post("s1", "!help"))

    def test_invalid_terms_are_refused(self):
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
                FakeChannel(contract.ContractBot, "alice", "bob", **params)
        with self.assertRaisesRegex(ValueError, "exactly one invite slot"):
            FakeChannel(contract.ContractBot, "alice", **terms())


if __name__ == "__main__":
    unittest.main()
