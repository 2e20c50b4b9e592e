"""ContractBot rules only by terms that every party has accepted."""

import contextlib
import copy
import hashlib
import json
import pathlib
import random
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
    for key, value in changes.items():
        (terms if key in ("judge", "add_seconds", "accept_seconds") else terms["obligations"][0])[key] = value
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


def disputed(**changes):
    """A contract whose only obligation is in dispute; by default by the third objection."""
    channel = in_force(**changes)
    while channel.state["cases"]["deliver"]["status"] == "open":
        claim(channel)
        objection(channel)
    return channel


def frozen(**changes):
    channel = disputed(**changes)
    channel.advance(3600)
    return channel


def accept_issues(channel, *seats):
    for seat in seats:
        posted = channel.post(seat, f"accept {channel.last('issues')['issues_hash']}")
    return posted


def hash_of(value):
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Acceptance(unittest.TestCase):
    def test_the_hash_is_that_of_the_posted_terms(self):
        posted = offered().last("terms")
        self.assertEqual(posted["terms_hash"], hash_of(posted["terms"]))
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
                  for change in ({}, {"amount": 101}, {"text": "x"}, {"judge": JUDGE}, {"evidence": {}}, {"accept_seconds": 60})}
        self.assertEqual(len(hashes), 6)


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
        self.assertEqual(types(objection(channel)), ["objected", "disputed"])
        self.assertEqual(channel.timers, {"dispute:deliver": 3600})

    def test_an_objection_after_the_deadline_decides(self):
        channel = in_force()
        channel.advance(950)
        claim(channel)
        channel.advance(60)
        self.assertEqual(types(objection(channel)), ["objected", "disputed"])

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


class Disputes(unittest.TestCase):
    def test_the_ruling_waits_for_both_parties_and_names_the_issues(self):
        channel = disputed()
        self.assertEqual(channel.advance(3599), [])
        [posted] = channel.advance(1)
        self.assertEqual((posted["type"], posted["parties"], posted["deadline"]), ("issues", ["bob", "alice"], "2023-11-15T23:13:20.000Z"))
        self.assertEqual(posted["issues_hash"], hash_of(posted["issues"]))
        self.assertIn(posted["issues_hash"], posted["text"])
        [accepted] = accept_issues(channel, "s1")
        self.assertEqual((accepted["type"], accepted["party"], accepted["missing"]), ("issues_accepted", "alice", ["bob"]))
        self.assertEqual(accept_issues(channel, "s1"), [accepted], "a second time")
        accepted, ruling, settled = accept_issues(channel, "s2")
        self.assertEqual((ruling["outcome"], ruling["issues_hash"]), ("breached", posted["issues_hash"]))
        self.assertEqual((settled["net"], channel.timers), ({"alice": 20, "bob": -20}, {}))

    def test_the_issues_are_what_the_parties_said_and_when(self):
        channel = disputed()
        channel.post("s1", 'add deliver {"words": 12.0}')
        issues = frozen_issues = channel.advance(3600)[0]["issues"]
        self.assertEqual(len(issues["claims"]), 3)
        self.assertEqual(issues["claims"][0], {"party": "bob", "evidence": EVIDENCE, "at": "2023-11-14T22:13:20.000Z"})
        self.assertEqual([each["evidence"] for each in issues["objections"]], [{"failed_test": "too short"}] * 3)
        self.assertEqual(issues["added"], [{"party": "alice", "evidence": {"words": 12}, "at": "2023-11-14T22:13:20.000Z"}])
        self.assertEqual((issues["obligation"], issues["channel_id"], issues["terms_hash"]),
                         ("deliver", "chn_1", channel.last("terms")["terms_hash"]))
        self.assertIn('{"words":12}', json.dumps(frozen_issues, separators=(",", ":")), "the log writes 12.0 as 12, so the hash covers that")

    def test_nothing_can_be_added_once_the_issues_are_frozen(self):
        channel = frozen()
        for posted in (claim(channel), objection(channel), channel.post("s2", 'add deliver {"late": 1}'), channel.post("s1", "rule deliver")):
            self.assertEqual([each.get("reason") for each in posted], ["BAD_MOVE"])
        self.assertEqual(hash_of(channel.last("issues")["issues"]), channel.state["cases"]["deliver"]["issues_hash"])

    def test_each_party_can_add_evidence_twice_before(self):
        channel = disputed()
        for seat, party in (("s1", "alice"), ("s2", "bob")):
            for number in range(2):
                [added] = channel.post(seat, type="move", action="add", obligation="deliver", evidence={"more": number})
                self.assertEqual((added["type"], added["party"]), ("added", party))
            self.assertEqual(channel.post(seat, 'add deliver {"more": 3}')[0]["reason"], "BAD_MOVE")
        self.assertEqual(len(channel.advance(3600)[0]["issues"]["added"]), 4)

    def test_additions_that_are_refused(self):
        channel = disputed()
        for odd in (None, {}, [], "x", 7, {"x": "y" * 2500}, {"x": 2**53}, {"x": float("nan")}, {"x": float("inf")}, {"x": "\ud800"}):
            self.assertEqual(channel.post("s1", type="move", action="add", obligation="deliver", evidence=odd)[0]["reason"], "BAD_MOVE", odd)
        deep = '{"a":' * 9 + "1" + "}" * 9
        for text in ("{not json", "{}", deep, '{"a":' * 5000, '{"a": 1e999}', '{"a": NaN}', '{"\ud800": 1}', '{"a": ' + "9" * 400 + "}"):
            self.assertEqual(channel.post("s1", f"add deliver {text}")[0]["reason"], "BAD_MOVE", text[:30])
        self.assertEqual(channel.state["cases"]["deliver"]["added"], [])
        self.assertEqual(channel.post("s3", 'add deliver {"x": 1}')[0]["reason"], "NOT_A_PARTY")
        self.assertEqual(in_force().post("s1", 'add deliver {"x": 1}')[0]["reason"], "BAD_MOVE")

    def test_a_party_that_does_not_accept_in_time_loses(self):
        for seats, outcome, late in ((["s2"], "fulfilled", "alice"), (["s1"], "breached", "bob"), ([], "breached", "bob and alice")):
            channel = frozen()
            accept_issues(channel, *seats) if seats else None
            self.assertEqual(channel.advance(86_399), [])
            ruling, _ = channel.advance(1)
            self.assertEqual((ruling["outcome"], ruling["because"]), (outcome, [f"{late} did not accept the issues in time"]))
            self.assertEqual(ruling["issues_hash"], channel.last("issues")["issues_hash"])

    def test_only_the_hash_of_the_frozen_issues_is_accepted_and_only_from_its_parties(self):
        channel = disputed()
        self.assertIn("I wait for no hash", channel.post("s1", "accept sha256:" + "0" * 64)[0]["text"])
        channel.advance(3600)
        right = channel.last("issues")["issues_hash"]
        for value in ("sha256:" + "0" * 64, None, [right], {"a": right}, 7):
            [refused] = channel.post("s1", type="move", action="accept", value=value)
            self.assertEqual(refused["reason"], "WRONG_HASH")
            self.assertIn(right, refused["text"])
        self.assertEqual(channel.post("s3", f"accept {right}")[0]["reason"], "NOT_A_PARTY")
        channel.leave("s2")
        channel.join("s2")
        self.assertEqual(channel.post("s2", f"accept {right}")[0]["reason"], "NOT_IN_FORCE", "the next holder has not accepted the terms")

    def test_the_time_to_add_can_be_left_out(self):
        channel = disputed(add_seconds=0, accept_seconds=60)
        self.assertEqual(channel.timers, {"dispute:deliver": 60})
        self.assertEqual(channel.last("issues")["issues"]["added"], [])
        self.assertEqual(channel.bodies("disputed"), [])

    def test_a_third_party_of_the_contract_has_no_part_in_a_dispute(self):
        terms = copy.deepcopy(TERMS)
        terms.update(parties=["alice", "bob", "carol"], add_seconds=0, judge=JUDGE)
        channel = offered(terms)
        for seat in ("s1", "s2", "s3"):
            channel.post(seat, f"accept {channel.last('terms')['terms_hash']}")
        claim(channel)
        objection(channel)
        self.assertEqual(channel.post("s3", f"accept {channel.last('issues')['issues_hash']}")[0]["reason"], "WRONG_HASH")
        self.assertEqual(channel.post("s3", 'add deliver {"x": 1}')[0]["reason"], "BAD_MOVE")

    def test_an_undisputed_ruling_names_no_issues(self):
        channel = in_force()
        channel.advance(1000)
        self.assertIsNone(channel.last("ruling")["issues_hash"])

    def test_the_status_shows_the_hash_to_be_accepted(self):
        channel = frozen()
        self.assertEqual(channel.post("s1", "!status")[0]["issues"], {"deliver": channel.last("issues")["issues_hash"]})

    def test_closing_in_a_dispute_leaves_it_undecided(self):
        channel = frozen()
        [end] = channel.close()
        self.assertEqual(end["outcomes"], {"deliver": "frozen"})

    def test_the_largest_dispute_fits_into_a_post_and_a_prompt(self):
        odd = {"q": '"\\' * 300}
        with mock.patch.object(contract.requests, "post", side_effect=OSError("not asked")):
            for judge in (None, JUDGE):
                channel = in_force(judge=judge, text='"' * 2250, evidence={}, objection={}, env={})
                while channel.state["cases"]["deliver"]["status"] == "open":
                    claim(channel, odd)
                    channel.post("s1", type="move", action="object", obligation="deliver", evidence=odd)
                for seat in ("s1", "s2", "s1", "s2"):
                    self.assertEqual(types(channel.post(seat, type="move", action="add", obligation="deliver", evidence=odd)), ["added"])
                channel.advance(3600)
                with self.assertRaises(OSError) if judge else contextlib.nullcontext():
                    accept_issues(channel, "s1", "s2")


class Clause(unittest.TestCase):
    def test_it_names_terms_channel_and_the_log_of_the_relay(self):
        channel = offered()
        terms = channel.last("terms")
        self.assertIn("channel:created", terms["clause"], "without a relay, or with one that the bot does not know")
        self.assertIn(terms["terms_hash"], terms["clause"])
        self.assertEqual(channel.post("s3", "!clause")[0]["clause"], terms["clause"])
        self.assertEqual(channel.dm("s3", "!clause"), channel.post("s1", type="move", action="clause"))
        relay = {"origin": "relay.example", "key": "a2V5"}
        clause = FakeChannel(contract.ContractBot, "alice", "bob", relay=relay, terms=TERMS).last("terms")["clause"]
        for part in (terms["terms_hash"], "chn_1", "relay.example", "a2V5", "86400 s"):
            self.assertIn(part, clause)


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
        channel = frozen(judge=JUDGE, env={"OPENAI_API_KEY": key})
        accept_issues(channel, "s1")
        with mock.patch.object(contract.requests, "post", side_effect=answers) as post:
            posted = accept_issues(channel, "s2")
        return channel, posted, post

    def answer(self, content, status=200):
        reply = {"choices": [{"message": {"content": content}}]}
        return mock.Mock(status_code=status, json=lambda: reply)

    def test_the_log_has_prompt_and_answer_but_not_the_key(self):
        content = '{"outcome": "breached", "reason": "It is too short."}'
        channel, posted, post = self.disputed([self.answer(content)])
        self.assertEqual(types(posted), ["issues_accepted", "judge_prompt", "judge_answer", "ruling", "settled"])
        self.assertEqual(post.call_args.args, ("https://models.example/v1/chat/completions",))
        self.assertEqual(post.call_args.kwargs["json"]["messages"], posted[1]["messages"])
        self.assertEqual(post.call_args.kwargs["headers"], {"Authorization": "Bearer sk-secret"})
        self.assertEqual((posted[2]["answer"], posted[3]["outcome"]), (content, "breached"))
        facts = json.loads(posted[1]["messages"][1]["content"])
        self.assertEqual((facts["issues"], facts["terms"]), (channel.last("issues")["issues"], channel.last("terms")["terms"]))
        self.assertEqual(posted[1]["issues_hash"], hash_of(facts["issues"]))
        self.assertNotIn("sk-secret", json.dumps(channel.log) + channel.persisted["state"])

    def test_a_fenced_answer_is_accepted(self):
        _, posted, _ = self.disputed([self.answer('```json\n{"outcome": "fulfilled", "reason": "ok"}\n```')])
        self.assertEqual(posted[3]["outcome"], "fulfilled")

    def test_a_failed_judge_can_be_asked_again(self):
        for wrong in (self.answer("{}", 500), self.answer("I rule for alice"), self.answer('{"outcome": "maybe", "reason": ""}'),
                      self.answer(None), self.answer("[]"), self.answer("[" * 3000), self.answer("x" * 9000), self.answer("\ud800"), contract.requests.exceptions.ConnectTimeout("slow")):
            channel, posted, _ = self.disputed([wrong])
            self.assertEqual(types(posted), ["issues_accepted", "judge_prompt", "judge_failed"])
            channel.advance(200_000)
            self.assertEqual(channel.state["cases"]["deliver"]["status"], "accepted", "no deadline decides it now")
            with mock.patch.object(contract.requests, "post", side_effect=[self.answer('{"outcome": "fulfilled", "reason": "x"}')]):
                self.assertEqual(types(channel.post("s1", "rule deliver")), ["judge_prompt", "judge_answer", "ruling", "settled"])


class Garbage(unittest.TestCase):
    VALUES = (None, True, 0, 1.5, 2**53 - 1, "", "deliver", "move", "accept", "claim", "object", "add", "rule", "clause", "claim deliver {",
              "add deliver {}", 'object deliver {"failed_test": "abc"}', [], [[]], {}, {"a": {"b": [1.0]}}, EVIDENCE, "x" * 5000)

    def test_no_message_makes_a_hook_fail(self):
        choices = random.Random(7)
        for channel in (offered(), in_force(), disputed(), frozen()):
            values = (*self.VALUES, channel.last("terms")["terms_hash"], *[body["issues_hash"] for body in channel.bodies("issues")])
            for _ in range(400):
                data = {key: choices.choice(values) for key in ("text", "type", "action", "value", "obligation", "evidence") if choices.random() < 0.8}
                seat = choices.choice(("s1", "s2", "s3"))
                channel.dm_effects(seat, **data) if choices.random() < 0.2 else channel.post(seat, **data)
                if choices.random() < 0.02:
                    channel.advance(choices.choice((1, 200, 4000)))
            channel.close()


class Commands(unittest.TestCase):
    def test_conversation_and_other_bots_are_ignored(self):
        channel = in_force()
        for text in ("hello", "I accept that", "accept this!", "claim your prize now", "object to nothing", "add it to the list", "rule the world now", ""):
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
                             (terms(parties=["alice"]), "'parties'"), (terms(add_seconds=-1), "'add_seconds'"), (terms(accept_seconds=59), "'accept_seconds'"), (terms(parties=["alice", "zoe"]), "'by' and 'to'"),
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
