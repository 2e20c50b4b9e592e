"""Receipts of former members, with proofs of later entries, and policies: both verifiers judge them alike."""

import copy
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import paths
from relay import program

sys.path.insert(0, str(paths.ROOT / "examples/verify"))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from former_receipts import AFTERMATH, KEY, cosigned, former, leaves, reseal, texts, type_of, verifier_key  # noqa: E402
from former_receipts import path as inclusion  # noqa: E402

SECOND = paths.ROOT / "examples/verify/verify.py"
WITNESSES = {f"w{number}": Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2, 3)}
VECTORS = json.loads((paths.ROOT / "protocol/tests/checkpoints/policy.json").read_text())


def load(game):
    path = next((paths.ROOT / "tests/receipts").glob(game + "*"))
    return [next(iter(json.loads(line).items())) for line in path.read_text().splitlines()]


def entries_of(lines):
    return [value for name, value in lines if name == "entry"]


def ids(lines, type_):
    return [entry["envelope"]["id"] for entry in entries_of(lines) if type_of(entry) == type_]


def left_before(lines, type_):
    """Returns the last entry before the hook that had the first entry of this type, after which somebody could have left."""
    first = ids(lines, type_)[0]
    return max(number for number in ids(lines, "bot:ran") if number < first)


class BothVerifiers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.first = program(paths.BIN_DIR, "mcp-multiplayer")
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)

    def judge(self, lines, policy=None, *more):
        """Returns the exit code that both verifiers agree on, and what the first one says."""
        file = Path(self.directory.name, "receipt.jsonl")
        file.write_text("".join(json.dumps(dict([line]), ensure_ascii=False) + "\n" for line in lines))
        options = [*more]
        if policy is not None:
            policy_file = Path(self.directory.name, "policy")
            policy_file.write_bytes(policy.encode())
            options += ["--policy", policy_file]
        runs = [subprocess.run([*command, file, *options], capture_output=True, text=True, timeout=60, check=False)
                for command in ([self.first, "verify"], [sys.executable, SECOND])]
        said = "\n".join(run.stdout + run.stderr for run in runs)
        self.assertEqual(runs[0].returncode, runs[1].returncode, said)
        return runs[0].returncode, runs[0].stdout + runs[0].stderr

    def replay(self, lines):
        """Returns the exit code of a replay, and what it says."""
        file = Path(self.directory.name, "replayed.jsonl")
        file.write_text("".join(json.dumps(dict([line]), ensure_ascii=False) + "\n" for line in lines))
        program_ = program(paths.BIN_DIR, "mcp-multiplayer-bot")
        run = subprocess.run([program_, "replay", file], capture_output=True, text=True, timeout=60, check=False)
        return run.returncode, run.stdout + run.stderr


class FormerReceiptsTest(BothVerifiers):
    def test_later_seeds_and_the_close_are_proven(self):
        lines = load("GuessBot")
        left = left_before(lines, "seed:reveal")
        code, text = self.judge(former(lines, left))
        self.assertEqual(code, 0, text)
        self.assertRegex(text, f"The log went on to entry {len(entries_of(lines))}, and these {left} entries are its beginning")
        self.assertRegex(text, r"Entry \d+ of the later log reveals the seed of bot_GuessBot_0 that the relay committed to")
        if ids(lines, "close_applied"):
            self.assertIn("the channel was closed", text)
        self.assertIn("What other entries after entry", text)

    def test_a_log_can_go_on_without_anything_to_show(self):
        lines = load("GuessBot")
        code, text = self.judge(former(lines, left_before(lines, "seed:reveal"), shown=[]))
        self.assertEqual(code, 0, text)

    def test_later_entries_that_are_not_proven_are_refused(self):
        lines = load("GuessBot")
        entries, left = entries_of(lines), left_before(lines, "seed:reveal")
        reveal = ids(lines, "seed:reveal")[0]
        genuine = former(lines, left)
        at = next(place for place, (name, _) in enumerate(genuine) if name == "later")

        def altered(alter):
            changed = copy.deepcopy(genuine)
            alter(changed)
            return changed

        def of_first(alter):
            return altered(lambda lines: alter(lines[at + 1][1]))

        chat = next(entry["envelope"]["id"] for entry in entries[left:] if entry["envelope"]["sender"] != "system")
        cases = {
            "the consistency proof": altered(lambda lines: lines[at][1]["proof"].pop()),
            "its order": altered(lambda lines: lines[at][1]["proof"].reverse()),
            "the later checkpoint": altered(lambda lines: lines[at][1].update(checkpoint=genuine[-1][1])),
            "no later log": altered(lambda lines: lines.pop(at)),
            "two later logs": altered(lambda lines: lines.insert(at, lines[at])),
            "an inclusion proof": of_first(lambda later: later["proof"].pop()),
            "another's proof": of_first(lambda later: later.update(proof=texts(inclusion(left, leaves(entries))))),
            "a body": of_first(lambda later: later["entry"]["content"]["body"].update(seed="00" * 32)),
            "a body and its hash": of_first(lambda later: (later["entry"]["content"]["body"].update(seed="00" * 32), reseal(later["entry"]))),
            "no body": of_first(lambda later: later["entry"].update(content=None)),
            "an id": of_first(lambda later: later["entry"]["envelope"].update(id=reveal + 1)),
            "the same entry twice": altered(lambda lines: lines.insert(at + 1, lines[at + 1])),
            "an unknown field": of_first(lambda later: later.update(trust="me")),
            "an entry that is not for former members": former(lines, left, shown=[chat]),
            "an entry of the log itself": former(lines, left, shown=[ids(lines, "bot:ran")[0]]),
        }
        for what, receipt in cases.items():
            with self.subTest(what):
                code, text = self.judge(receipt)
                self.assertEqual(code, 1, text)
                code, text = self.replay(receipt)
                self.assertEqual(code, 2, text)
        code, text = self.replay(genuine)
        self.assertIn(code, (0, 3), text)

    def test_a_seed_that_the_relay_did_not_commit_to_is_refused_though_it_signed_it(self):
        lines = load("GuessBot")
        left, reveal = left_before(lines, "seed:reveal"), ids(lines, "seed:reveal")[0]

        def with_entry(number, alter):
            changed = copy.deepcopy(lines)
            entry = entries_of(changed)[number - 1]
            alter(entry)
            reseal(entry)
            return former(changed, left, shown=[number])

        def body(**fields):
            return lambda entry: entry["content"]["body"].update(fields)

        self.assertEqual(self.judge(with_entry(reveal, lambda entry: None))[0], 0)
        cases = {
            "another seed": body(seed="11" * 32),
            "another epoch": body(epoch=1),
            "another beginning": body(began=left),
            "an epoch that began later": body(began=left + 1),
            "another bot": body(bot_id="bot_GuessBot_7"),
            "no cause": lambda entry: entry["envelope"].update(cause=None),
            "a later cause": lambda entry: entry["envelope"].update(cause=reveal),
            "an earlier time": lambda entry: entry["envelope"].update(ts="2020-01-01T00:00:00.000Z"),
            "a player as its sender": lambda entry: entry["envelope"].update(sender="s1"),
            "another channel": lambda entry: entry["envelope"].update(channel_id="chn_0123456789abcdef"),
        }
        for what, alter in cases.items():
            with self.subTest(what):
                code, text = self.judge(with_entry(reveal, alter))
                self.assertEqual(code, 1, text)

    def test_a_seed_in_the_file_fits_the_commitment_of_a_later_reveal(self):
        lines = load("GuessBot")
        left, (first, second) = left_before(lines, "seed:reveal"), ids(lines, "seed:reveal")
        seed = entries_of(lines)[second - 1]["content"]["body"]

        def with_seed(**fields):
            changed = copy.deepcopy(lines)
            entry = entries_of(changed)[first - 1]
            entry["content"]["body"].update(fields)
            reseal(entry)
            receipt = former(changed, left, shown=[first])
            next(value for name, value in receipt if name == "bot")["seed"] = {"epoch": seed["epoch"], "seed": seed["seed"]}
            return receipt

        self.assertEqual(self.judge(with_seed())[0], 0)
        self.assertIn(self.replay(with_seed())[0], (0, 3))
        forged = with_seed(next_commitment="sha256:" + "00" * 32)
        code, text = self.judge(forged)
        self.assertEqual(code, 1, text)
        code, text = self.replay(forged)
        self.assertEqual(code, 2, text)

    def test_nothing_follows_the_end_of_a_channel(self):
        lines = load("GuessBot")
        left, reveal = left_before(lines, "seed:reveal"), ids(lines, "seed:reveal")[0]
        end = {"type": "operator:stopped"}
        changed = copy.deepcopy(lines)
        entry = entries_of(changed)[left]
        entry["envelope"].update(sender="system", kind="system", cause=None, to_slot=None, to_tenure=None)
        entry["content"]["body"] = end
        reseal(entry)
        self.assertEqual(self.judge(former(changed, left, shown=[left + 1]))[0], 0)
        code, text = self.judge(former(changed, left, shown=[left + 1, reveal]))
        self.assertEqual(code, 1, text)

    def test_a_later_deletion_excuses_what_is_missing(self):
        lines = load("Deletions")
        deleted = {number: entry["content"]["body"] for number, entry in enumerate(entries_of(lines), 1) if type_of(entry) == "entry:deleted"}
        close, left = ids(lines, "close_applied")[0], ids(lines, "bot:ran")[1]
        of_post, of_dm, of_answer = (number for number in deleted if number > close)
        shown = [number for number in range(left + 1, len(entries_of(lines)) + 1) if type_of(entries_of(lines)[number - 1]) in AFTERMATH]
        self.assertGreater(len(shown), 4)
        genuine = former(lines, left)
        self.assertEqual(self.judge(genuine)[0], 0)
        for number in (of_post, of_dm):
            seen = [name for name, value in genuine if name == "later_entry" and value["entry"]["envelope"]["id"] == number]
            self.assertEqual(len(seen), 1)
            self.assertEqual(self.judge(former(lines, left, shown=[each for each in shown if each not in (number, of_answer)]))[0], 1)
        self.assertEqual(self.judge(former(lines, left, shown=shown))[0], 1, "what is deleted after the tenure is not for its holder")

    def test_a_later_deletion_follows_the_rules_of_deletions(self):
        lines = load("Deletions")
        close, left = ids(lines, "close_applied")[0], ids(lines, "bot:ran")[1]
        at = close + 1

        def with_deletion(shown=None, number=at, **body):
            """Returns a receipt in which an entry of the later log is another `entry:deleted`, beside those that it has."""
            changed = copy.deepcopy(lines)
            entries = entries_of(changed)
            more = copy.deepcopy(entries[at - 1])
            more["envelope"].update(ts=entries[number - 1]["envelope"]["ts"], id=number)
            more["content"]["body"] = {"type": "entry:deleted", **body}
            reseal(more)
            place = next(place for place, line in enumerate(changed) if line == ("entry", entries[number - 1]))
            changed.insert(place, ("entry", more))
            for later, entry in enumerate(entries_of(changed), 1):
                entry["envelope"]["id"] = later
            return former(changed, left, shown)

        alices, bobs, dm = 7, 15, 11
        cases = [
            ("the operator's", {"ids": [alices]}, 0), ("her own", {"ids": [alices], "by": "s1"}, 0),
            ("her own DM", {"ids": [dm], "by": "s1"}, 0), ("somebody else's", {"ids": [alices], "by": "s2"}, 1),
            ("one of the relay", {"ids": [1]}, 1), ("one of a bot by a player", {"ids": [12], "by": "s1"}, 1),
            ("an empty seat's", {"ids": [alices], "by": "s9"}, 1), ("the bot's", {"ids": [12], "by": "s0"}, 1),
            ("in descending order", {"ids": [bobs, alices]}, 1), ("none", {"ids": []}, 1),
            ("one that comes later", {"ids": [alices, at]}, 1), ("one of the later log, too", {"ids": [alices, left + 1]}, 0),
        ]
        for what, body, code in cases:
            with self.subTest(what):
                found, text = self.judge(with_deletion(**body))
                self.assertEqual(found, code, text)
        before, closing = ids(lines, "close_requested")[0], close
        for what, number, body, code in [
            ("by the operator before the close", before, {"ids": [alices]}, 0), ("by her before the close", before, {"ids": [alices], "by": "s1"}, 1),
            ("a DM before the close", before, {"ids": [dm]}, 1), ("while closing", closing, {"ids": [alices]}, 1),
        ]:
            with self.subTest(what):
                found, text = self.judge(with_deletion(number=number, **body))
                self.assertEqual(found, code, text)

    def test_a_later_unsealing_opens_dms(self):
        lines = load("Deletions")
        left, unsealed = ids(lines, "bot:ran")[0], ids(lines, "dm:unsealed")[0]

        def judge(alter=lambda entry: None, shown=(unsealed,), hide=(), game=lines):
            changed = copy.deepcopy(game)
            entries = entries_of(changed)
            alter(entries[unsealed - 1])
            if entries[unsealed - 1]["content"]:
                reseal(entries[unsealed - 1])
            for number in (*hide, 7):
                entries[number - 1]["content"] = None
            deleted = [number for number in ids(lines, "entry:deleted") if number > left]
            return self.judge(former(changed, left, [*shown, *ids(lines, "close_requested"), *ids(lines, "close_applied"), deleted[1]]))[0]

        self.assertEqual(judge(), 0)
        for dm in (11, 12, 13):
            self.assertEqual(judge(hide=[dm], shown=[]), 0)
            self.assertEqual(judge(hide=[dm]), 1)
        for what, alter, code in [
            ("no cause", lambda entry: entry["envelope"].update(cause=None), 1),
            ("a later cause", lambda entry: entry["envelope"].update(cause=unsealed), 1),
            ("an earlier cause", lambda entry: entry["envelope"].update(cause=left), 0),
            ("another bot", lambda entry: entry["content"]["body"].update(bot_id="bot_Other_1"), 0),
            ("no bot", lambda entry: entry["content"]["body"].pop("bot_id"), 1),
        ]:
            with self.subTest(what):
                self.assertEqual(judge(alter), code)

    def test_a_replay_finds_the_seed_that_was_revealed_later(self):
        lines = load("GuessBot")
        file = Path(self.directory.name, "replayed.jsonl")
        left = left_before(lines, "seed:reveal")
        said = []
        for receipt in (former(lines, left), former(lines, left, shown=[])):
            file.write_text("".join(json.dumps(dict([line]), ensure_ascii=False) + "\n" for line in receipt))
            done = subprocess.run([program(paths.BIN_DIR, "mcp-multiplayer-bot"), "replay", file],
                                  capture_output=True, text=True, timeout=60, check=False)
            said.append(done.stdout + done.stderr)
        if "with Python" in said[0]:
            self.skipTest("this machine has another Python than the one that the bot ran on")
        self.assertNotIn("seed", said[0])
        self.assertIn("was not revealed", said[1])


class PolicyTest(BothVerifiers):
    def receipt(self, *witnesses, alter=lambda note: note):
        lines = former(load("TicTacToeBot"), len(entries_of(load("TicTacToeBot"))))
        lines = [line for line in lines if line[0] not in ("later", "later_entry")]
        note = lines[-1][1]
        for name in witnesses:
            note = cosigned(note, f"{name}.example.net", WITNESSES[name])
        return [*lines[:-1], ("checkpoint", alter(note))]

    def policy(self, quorum, log="relay.example.org"):
        keys = [f"witness {name} {verifier_key(name + '.example.net', bytes([4]), key)}\n" for name, key in WITNESSES.items()]
        log = f"log {verifier_key(log, bytes([1]), KEY)} https://relay.example.org/\n" if log else ""
        return "# Whom I trust\n" + log + "".join(keys) + quorum + "\n"

    def test_a_quorum_is_met_or_not(self):
        two = "group two 2 w1 w2 w3\nquorum two"
        nested = "group a all w1 w2\ngroup b any a w3\nquorum b"
        for witnesses, quorum, code in [
            ((), "quorum none", 0), (("w1",), "quorum none", 0), (("w1",), "quorum w1", 0), (("w2",), "quorum w1", 1), ((), "quorum w1", 1),
            (("w1", "w3"), two, 0), (("w1",), two, 1), (("w1", "w1"), two, 1), (("w1", "w2"), nested, 0), (("w3",), nested, 0), (("w1",), nested, 1),
        ]:
            with self.subTest(witnesses=witnesses, quorum=quorum):
                found, text = self.judge(self.receipt(*witnesses), self.policy(quorum))
                self.assertEqual(found, code, text)
        _, text = self.judge(self.receipt("w1", "w3"), self.policy(two))
        self.assertIn("The policy's quorum is met: w1, w3 cosigned exactly this log.", text)
        self.assertIn("It is a key of your policy.", text)
        _, text = self.judge(self.receipt("w1", "w3"))
        self.assertIn("Whether witnesses saw this log", text)

    def test_a_log_is_known_by_its_name_and_key(self):
        receipt = self.receipt()
        channel_id = receipt[0][1]["channel_id"]
        for log, code in [("relay.example.org", 0), (f"relay.example.org/{channel_id}", 0), (None, 0), ("other.example.org", 1)]:
            with self.subTest(log):
                found, text = self.judge(receipt, self.policy("quorum none", log))
                self.assertEqual(found, code, text)
        other = self.policy("quorum none").replace(verifier_key("relay.example.org", bytes([1]), KEY),
                                                   verifier_key("relay.example.org", bytes([1]), WITNESSES["w1"]))
        self.assertEqual(self.judge(receipt, other)[0], 1)

    def test_what_a_witness_did_not_sign_does_not_count(self):
        policy = self.policy("quorum w1")
        for what, receipt in {
            "another time": self.receipt("w1", alter=lambda note: cosigned_at_another_time(note)),
            "another log": self.receipt(alter=lambda note: note + cosigned(self.receipt()[-1][1].replace("\n", "\n1", 1), "w1.example.net",
                                                                           WITNESSES["w1"]).splitlines(keepends=True)[-1]),
            "another key under its name": self.receipt(alter=lambda note: cosigned(note, "w1.example.net", WITNESSES["w2"])),
            "its key under another name": self.receipt(alter=lambda note: cosigned(note, "w2.example.net", WITNESSES["w1"])),
            "a time that no cosignature may state": self.receipt(alter=lambda note: cosigned(note, "w1.example.net", WITNESSES["w1"], 1 << 63)),
        }.items():
            with self.subTest(what):
                code, text = self.judge(receipt, policy)
                self.assertEqual(code, 1, text)

    def test_a_log_that_nobody_signed_meets_no_policy_and_no_key(self):
        lines = load("TicTacToeBot")[:-1]
        lines[0][1]["log"] = None
        first = entries_of(lines)[0]
        del first["content"]["body"]["log"]
        reseal(first)
        self.assertEqual(self.judge(lines)[0], 0)
        self.assertEqual(self.judge(lines, self.policy("quorum none"))[0], 1)
        self.assertEqual(self.judge(lines, None, "--key", "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")[0], 1)

    def test_both_read_the_same_policies(self):
        receipt = self.receipt()
        for case in VECTORS["bad"]:
            with self.subTest(case["name"]):
                code, text = self.judge(receipt, case["policy"])
                self.assertEqual(code, 2, text)
                self.assertRegex(text, "line [0-9]+ of the policy: .")
        for case in VECTORS["good"]:
            with self.subTest(case["name"]):
                self.assertIn(self.judge(receipt, case["policy"])[0], (0, 1))


def cosigned_at_another_time(note):
    import base64
    *first, last = note.splitlines(keepends=True)
    dash, name, signature = last.split()
    data = bytearray(base64.b64decode(signature))
    data[11] ^= 1
    return "".join(first) + f"{dash} {name} {base64.b64encode(data).decode()}\n"


class UnreadableTest(BothVerifiers):
    def test_the_exit_code_tells_what_is_no_receipt(self):
        lines = load("TicTacToeBot")
        self.assertEqual(self.judge([])[0], 2)
        self.assertEqual(self.judge(lines[1:])[0], 2)
        self.assertEqual(self.judge([("header", {**lines[0][1], "format": "other"})])[0], 2)
        self.assertEqual(self.judge(lines[:-1])[0], 1)
        self.assertEqual(self.judge([lines[0], ("entry", {})])[0], 1)


if __name__ == "__main__":
    unittest.main()
