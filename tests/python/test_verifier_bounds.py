"""Both verifiers refuse keys under which anybody can sign, and origins, checkpoints and policies beyond their bounds."""

import base64
import hashlib
import subprocess
import tempfile
import unittest
from pathlib import Path

import paths
from relay import program
from resealing import KEY, RECEIPTS, RELAY, dump, load, reseal, sign

from canonical import Malformed, canonical  # examples/verify is on the path by now
from holder import Stay, own_entries, stays_of
from keystream import Keystream
from lines import Unreadable
from policy import BadPolicy, Policy
from tree import FIELD, SMALL_ORDERS, Tree, is_point
from verify import verify

IDENTITY = (1).to_bytes(32, "little")
ANY_TEXT = IDENTITY + bytes(32)  # a signature that is valid for every text under a key of small order
FAR = "\N{NO-BREAK SPACE}"


def receipt(relay=RELAY):
    """Returns the lines of a short receipt of this relay, without a checkpoint."""
    lines = load(next(path for path in RECEIPTS if path.name.startswith("GuessBot")))
    return reseal([lines[0], lines[1]], renumber=False, relay=relay)


def encodings():
    """Yields the encodings of the points of small order, also those that RFC 8032 does not allow."""
    for y in (*SMALL_ORDERS, FIELD, FIELD + 1):
        for sign_of_x in (0, 1 << 255):
            yield (y | sign_of_x).to_bytes(32, "little")


def signed_by(relay, key, sign):
    """Returns a receipt of this relay, with the key of 32 bytes, and a checkpoint that this function signs."""
    lines, tree = receipt(relay), Tree()
    tree.add(canonical(lines[1][1]["envelope"]))
    origin = f"{relay['origin']}/{lines[0][1]['channel_id']}"
    text = f"{origin}\n1\n{base64.b64encode(tree.root()).decode()}\n"
    signature = base64.b64encode(key_id(origin, b"\1", key) + sign(text.encode())).decode()
    return [*lines, ("checkpoint", f"{text}\n— {origin} {signature}\n")]


def with_weak_key(key):
    return signed_by({"origin": "forger.example.org", "key": "ed25519:" + key.hex()}, key, lambda text: ANY_TEXT)


def with_origin(origin):
    return signed_by({"origin": origin, "key": RELAY["key"]}, KEY.public_key().public_bytes_raw(), KEY.sign)


def with_signatures(*more):
    """Returns a receipt with further lines under its checkpoint."""
    *lines, (name, note) = sign(receipt())
    return [*lines, (name, note + "".join(more))]


def signature_of_another(name="other.example.org", size=70):
    return f"— {name} {base64.b64encode(bytes(size)).decode()}\n"


def key_id(name, kind, key):
    return hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:4]


def policy(kind, key, quorum="none"):
    number = {"log": b"\1", "witness w": b"\4"}[kind]
    return f"{kind} q+{key_id('q', number, key).hex()}+{base64.b64encode(number + key).decode()}\nquorum {quorum}\n".encode()


class BoundsTest(unittest.TestCase):
    def judge(self, data, policy=None):
        """Returns whether both verifiers accept a receipt. They must agree."""
        with tempfile.TemporaryDirectory() as directory:
            file, options = Path(directory, "receipt.jsonl"), []
            file.write_bytes(data)
            if policy is not None:
                options = ["--policy", Path(directory, "policy")]
                options[1].write_bytes(policy)
            done = subprocess.run([program(paths.BIN_DIR, "mcp-multiplayer"), "verify", file, *options], capture_output=True, timeout=30)
        try:
            found = verify(data, policy=policy and Policy(policy)).exit_code() == 0
        except (Unreadable, BadPolicy):
            found = False
        self.assertEqual(found, done.returncode == 0, done.stdout + done.stderr)
        return found

    def test_keys_of_small_order_are_refused(self):
        self.assertTrue(self.judge(dump(sign(receipt()))))
        for key in encodings():
            with self.subTest(key.hex()):
                self.assertFalse(is_point(key))
                self.assertFalse(self.judge(dump(with_weak_key(key))))
                for kind in ("log", "witness w"):
                    self.assertFalse(self.judge(dump(sign(receipt())), policy(kind, key)))

    def test_keys_that_are_no_points_are_refused(self):
        key = next(key for key in (bytes([number]) * 32 for number in range(2, 99)) if not is_point(key))
        self.assertFalse(self.judge(dump(sign(receipt())), policy("witness w", key)))
        self.assertTrue(self.judge(dump(sign(receipt())), policy("witness w", KEY.public_key().public_bytes_raw())))

    def test_origins_have_bounds(self):
        for origin, is_valid in {"a" * 255: True, "ä" * 127: True, "a" * 256: False, "ä" * 128: False, "": False, f"a{FAR}b": False,
                                 "a\u0085b": False, "a\u007fb": False, "a+b": False}.items():
            with self.subTest(origin):
                self.assertEqual(self.judge(dump(with_origin(origin))), is_valid)

    def test_checkpoints_have_bounds(self):
        for lines, is_valid in ((signature_of_another() * 63, True), (signature_of_another() * 64, False),
                                (signature_of_another(size=180_000), True), (signature_of_another(size=200_000), False),
                                (signature_of_another(f"a{FAR}b"), False), (signature_of_another("a+b"), False)):
            with self.subTest(lines[:40], size=len(lines)):
                self.assertEqual(self.judge(dump(with_signatures(lines))), is_valid)

    def test_policies_have_bounds(self):
        for size, is_valid in ((256 << 10, True), ((256 << 10) + 1, False)):
            text = b"quorum none\n#"
            self.assertEqual(self.judge(dump(sign(receipt())), text + b"x" * (size - len(text))), is_valid)


class KeystreamTest(unittest.TestCase):
    def test_an_opened_keystream_begins_with_the_first_hook_that_knows_of_it(self):
        stream = Keystream()
        stream.advance(3, 0, [{"epoch": 0, "open": False, "from": 0, "to": 32}])
        stream.open_at(5)
        stream.advance(4, 0, [{"epoch": 0, "open": False, "from": 32, "to": 40}])
        stream.advance(5, 1, [{"epoch": 0, "open": True, "from": 0, "to": 8}, {"epoch": 1, "open": False, "from": 0, "to": 1}])
        stream.open_at(8)
        stream.open_at(9)
        stream.advance(9, 0, [{"epoch": 1, "open": True, "from": 0, "to": 1}])

    def test_ranges_elsewhere_are_refused(self):
        for drawn in ({"epoch": 1, "open": False, "from": 0, "to": 1}, {"epoch": 0, "open": True, "from": 0, "to": 1},
                      {"epoch": 0, "open": False, "from": 1, "to": 2}, {"epoch": 0, "open": False, "from": 0, "to": 0}):
            with self.subTest(drawn), self.assertRaises(Malformed):
                Keystream().advance(3, 0, [drawn])


class HolderTest(unittest.TestCase):
    def test_entries_of_the_holder_are_those_of_the_own_time_in_the_seat(self):
        stays = [Stay("s1", "alice", 2, 2, 6), Stay("s2", "bob", 3, 3), Stay("s1", "bob", 7, 7, 11), Stay("s1", "carol", 7, 11)]
        envelopes = [{"id": number, "sender": sender, "to_slot": to, "to_tenure": tenure} for number, sender, to, tenure in (
            (4, "s1", "s0", None), (5, "bot:bot_X_0", "s1", 2), (8, "s2", "s0", None), (9, "bot:bot_X_0", "s1", 7), (12, "s1", "s0", None))]
        for holder, own in {"s1": {12}, "s2": {8}, "s1, until entry 6": {4, 5}, "s1, until entry 11": {9}, "s1, s1, until entry 6": {4, 5},
                            "s1, until entry 5": set(), "the owner": set(), "the operator": set(), "s7": set()}.items():
            with self.subTest(holder):
                self.assertEqual(own_entries(stays_of(holder, stays), envelopes), own)


if __name__ == "__main__":
    unittest.main()
