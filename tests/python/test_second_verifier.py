"""The verifier in examples/verify, which knows only docs/PROTOCOL.md, agrees with `mcp-multiplayer verify`.

Both must accept every receipt in tests/receipts, and must agree on receipts that were altered in every class of byte:
as they are, so that mostly the signature gives them away, and resealed, so that hashes fit and the rules have to.
"""

import concurrent.futures
import os
import random
import re
import subprocess
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import paths
from altered_channels import mutate_bots, mutate_relay, mutate_slots, mutate_terms, mutate_unsealing
from altered_deletions import mutate_deletions
from altered_hooks import mutate_hooks
from altered_lines import mutate_lines, mutate_log, mutate_spelling, mutate_values
from altered_private_hooks import mutate_private_hooks
from relay import program
from resealing import RECEIPTS, body_of, dump, load, reseal, type_of

from lines import Unreadable  # examples/verify is on the path by now
from verify import verify

SEED = int(os.environ.get("MUTATION_SEED", "2026"))
ROUNDS = int(os.environ.get("MUTATION_ROUNDS", "1"))  # more of them look for disagreements longer

# What `mcp-multiplayer verify` accepts although PROTOCOL.md forbids it: the second verifier's reason, and where that is said.
# `KnownDifferencesTest` has an example of each, and fails when one of them is mended: then remove it here and there.
KNOWN = {
    "does not name the players who gave randomness": "Bodies, `entropy:open`: by the `member:join` and the SHA-256 of its `entropy`",
}


def mutants():
    """Yields (name, bytes) of altered receipts, always the same ones."""
    choice = random.Random(SEED)
    for _ in range(ROUNDS):
        seen = Counter()
        for path in RECEIPTS:
            name, lines = path.name.partition("-")[0], load(path)
            yield from mutate_values(name, lines, choice, seen)
            yield from mutate_lines(name, lines, choice)
            yield from mutate_spelling(name, lines, choice)
            yield from mutate_log(name, lines, choice)
            yield from mutate_hooks(name, lines, choice)
            yield from mutate_relay(name, lines, choice)
            yield from mutate_slots(name, lines, choice)
            yield from mutate_deletions(name, lines, choice)
            if name in ("MemoryBot", "SealedBidBot"):
                yield from mutate_private_hooks(name, lines, choice)
                yield from mutate_unsealing(name, lines, choice)
                yield from mutate_terms(name, lines, choice)
            if name == "SealedBidBot":
                yield from mutate_bots(name, lines, choice)


def faults_of_second(data):
    """Returns what the second verifier finds wrong; nothing if it accepts the receipt."""
    try:
        report = verify(data)
    except Unreadable as error:
        return str(error)
    return "; ".join(report.fails) or ("" if report.exit_code() == 0 else "nothing was checked")


class SecondVerifierTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = program(os.environ.get("MUTATION_BIN", paths.BIN_DIR), "mcp-multiplayer")

    def first_accepts(self, path):
        found = subprocess.run([self.program, "verify", path], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        self.assertIn(found.returncode, (0, 1, 2), found.stderr)
        return found.returncode == 0

    def test_both_accept_every_receipt(self):
        self.assertTrue(RECEIPTS)
        for path in RECEIPTS:
            with self.subTest(path.name):
                self.assertTrue(self.first_accepts(path))
                self.assertEqual(faults_of_second(path.read_bytes()), "")

    def test_both_agree_on_altered_receipts(self):
        disagreements, known, accepted, refused = [], Counter(), 0, 0
        with tempfile.TemporaryDirectory() as directory, concurrent.futures.ThreadPoolExecutor(2) as pool:
            def first(job):
                number, (name, data) = job
                path = Path(directory) / f"{number}.jsonl"
                path.write_bytes(data)
                answer = self.first_accepts(path)
                path.unlink()
                return name, data, answer

            for name, data, answer in pool.map(first, enumerate(mutants())):
                accepted, refused = accepted + answer, refused + (not answer)
                faults = faults_of_second(data)
                if bool(faults) != answer:
                    continue
                reason = next((reason for reason in KNOWN if faults and re.search(reason, faults)), None)
                known[reason] += 1
                if reason is None:
                    disagreements.append(f"{name}: {'only the first' if answer else 'only the second'} accepts it. {faults}")
                keep(name, data)
        if "MUTATION_ROUNDS" in os.environ:
            print(f"{accepted} accepted, {refused} refused", *(f"{count:5} {reason}" for reason, count in known.items()), sep="\n")
        self.assertEqual(disagreements, [])
        self.assertGreater(accepted, 100)
        self.assertGreater(refused, 500)


class KnownDifferencesTest(unittest.TestCase):
    """One example of each known difference."""

    def test_each_known_difference_is_there(self):
        first_program = program(os.environ.get("MUTATION_BIN", paths.BIN_DIR), "mcp-multiplayer")
        examples = known_differences()
        with tempfile.TemporaryDirectory() as directory:
            for reason, data in examples.items():
                with self.subTest(reason):
                    path = Path(directory, "receipt.jsonl")
                    path.write_bytes(data)
                    keep("known " + reason, data)
                    self.assertRegex(faults_of_second(data), reason)
                    done = subprocess.run([first_program, "verify", path], capture_output=True, timeout=30, check=False)
                    self.assertEqual(done.returncode, 0, f"this is mended: remove it from KNOWN and known_differences().\n{done.stdout}")


def known_differences():
    """Returns an altered receipt for each reason in KNOWN."""
    lines = load(next(path for path in RECEIPTS if path.name.startswith("GuessBot")))
    opened = next(value for name, value in lines if name == "entry" and type_of(value) == "entropy:open")
    body_of(opened)["contributions"].pop()
    return dict(zip(KNOWN, (dump(reseal(lines, renumber=False)),), strict=True))


def keep(name, data):
    """Keeps a receipt that the verifiers disagree on, if a directory for them is named."""
    if directory := os.environ.get("MUTATION_KEEP"):
        Path(directory, re.sub("[^A-Za-z0-9]+", "-", name)[:150] + ".jsonl").write_bytes(data)


if __name__ == "__main__":
    unittest.main()
