"""The log's Merkle tree (RFC 6962, section 2.1), and the checkpoint that a relay signs (C2SP signed-note, tlog-checkpoint,
tlog-cosignature)."""

import base64
import hashlib
import re
import struct
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"  # the signature type of signed-note
COSIGNATURE = b"\x04"  # the one of tlog-cosignature
SIZE = re.compile(r"(0|[1-9][0-9]{0,19})\Z")
KEY = re.compile(r"ed25519:([0-9a-f]{64})\Z")
SIGNATURE_LINE = re.compile("— (?P<name>[^ +]+) (?P<signature>[^ ]+)\\Z")
LARGEST_NOTE, MOST_SIGNATURES = 256 << 10, 64  # a note's bytes, and its signatures
FIELD = 2**255 - 19  # of Ed25519, RFC 8032, section 5.1
CURVE = -121665 * pow(121666, -1, FIELD)  # its constant d
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826  # y of two of the four points of order 8
SMALL_ORDERS = (0, 1, FIELD - 1, ORDER_8, FIELD - ORDER_8)  # y of the eight points whose order divides the cofactor, 8


class Tree:
    """Computes the root over leaves that are added one after another."""

    def __init__(self):
        self.size = 0
        self.peaks = []  # (number of leaves, hash) of the complete subtrees, the largest first

    def add(self, leaf):
        self.size += 1
        self.peaks.append((1, hashlib.sha256(b"\0" + leaf).digest()))
        while len(self.peaks) > 1 and self.peaks[-1][0] == self.peaks[-2][0]:
            (count, right), (_, left) = self.peaks.pop(), self.peaks.pop()
            self.peaks.append((2 * count, _parent(left, right)))

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            root = _parent(left, root)
        return root


def is_included(leaf, index, size, root, proof):
    """Returns whether the leaf is at this index of a tree (RFC 9162, section 2.1.3.2)."""
    if index >= size:
        return False
    node, last, found = index, size - 1, hashlib.sha256(b"\0" + leaf).digest()
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = _parent(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = _parent(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(old_size, old_root, size, root, proof):
    """Returns whether a tree is the beginning of another one (RFC 9162, section 2.1.4.2)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return old_root == root and not proof
    if old_size & (old_size - 1) == 0:
        proof = [old_root, *proof]
    if not proof:
        return False
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old, new = proof[0], proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = _parent(sibling, old), _parent(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = _parent(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and (old, new) == (old_root, root)


def _parent(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class BadCheckpoint(Exception):
    """A checkpoint that is malformed or not signed by the relay's key; the text explains why."""


def is_point(data):
    """Returns whether these 32 bytes are the one encoding of a point that can be a key (RFC 8032, section 5.1.3).

    The points of small order are none: under such a key, one signature is valid for many texts.
    """
    y = int.from_bytes(data, "little") & 2**255 - 1  # without the sign of x
    x_squared = (y * y - 1) * (CURVE * y * y + 1)  # times a square
    return y < FIELD and y not in SMALL_ORDERS and pow(x_squared, (FIELD - 1) // 2, FIELD) == 1


def verify_signature(key, signature, message):
    """Verifies an Ed25519 signature. Raises InvalidSignature or ValueError."""
    if not is_point(key) or not is_point(signature[:32]):
        raise InvalidSignature
    Ed25519PublicKey.from_public_bytes(key).verify(signature, message)


def verify_checkpoint(note, origin, key):
    """Verifies a signed note with the key of 32 bytes. Returns the size and the root that it states."""
    text, signatures = _split(note)
    key_id = key_id_of(origin, ED25519, key)
    signed = False
    for name, found_id, signature in signatures:
        if (name, found_id) != (origin, key_id):
            continue  # another key's, such as a witness's
        try:
            verify_signature(key, signature, text.encode())
        except (InvalidSignature, ValueError):
            raise BadCheckpoint("The signature of the checkpoint is not valid.") from None
        signed = True
    if not signed:
        raise BadCheckpoint("The checkpoint is not signed with the relay's key.")
    lines = text.split("\n")[:-1]
    if len(lines) != 3:
        raise BadCheckpoint(f"The checkpoint has {len(lines)} lines before its signatures, not three.")
    if lines[0] != origin:
        raise BadCheckpoint(f"The checkpoint is of {lines[0]}, not of {origin}.")
    if not SIZE.match(lines[1]) or int(lines[1]) >= 2**64:
        raise BadCheckpoint("The checkpoint has no valid size.")
    root = decode_base64(lines[2])
    if len(root) != 32:
        raise BadCheckpoint("The checkpoint has no valid root.")
    return int(lines[1]), root


def key_id_of(name, kind, key):
    """Returns the key id of signed-note."""
    return hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:4]


def is_cosigned(note, name, key):
    """Returns whether a checkpoint has a cosignature of this key. Raises BadCheckpoint if it has one that is not valid."""
    text, signatures = _split(note)
    key_id = key_id_of(name, COSIGNATURE, key)
    found = [signature for signer, found_id, signature in signatures if (signer, found_id) == (name, key_id)]
    for signature in found:
        try:
            if len(signature) != 72:
                raise ValueError("a time has 8 bytes, and a signature 64")
            [time] = struct.unpack(">q", signature[:8])
            if time < 0:
                raise ValueError("a time is below 2^63")
            message = f"cosignature/v1\ntime {time}\n{text}".encode()
            verify_signature(key, signature[8:], message)
        except (InvalidSignature, ValueError):
            raise BadCheckpoint(f"The cosignature of {name} is not valid.") from None
    return bool(found)


@lru_cache(maxsize=2)  # each witness of a policy asks again
def _split(note):
    """Splits a note into the signed text and its signatures: (name, key id, signature)."""
    if len(note.encode()) > LARGEST_NOTE:
        raise BadCheckpoint(f"The checkpoint has more than {LARGEST_NOTE} bytes.")
    if any(ord(character) < 0x20 and character != "\n" for character in note):
        raise BadCheckpoint("The checkpoint contains control characters.")
    text, separator, rest = note.rpartition("\n\n")
    if not separator or not rest.endswith("\n"):
        raise BadCheckpoint("The checkpoint has no signatures.")
    lines, signatures = rest[:-1].split("\n"), []
    if len(lines) > MOST_SIGNATURES:
        raise BadCheckpoint(f"The checkpoint has more than {MOST_SIGNATURES} signatures.")
    for line in lines:
        found = SIGNATURE_LINE.match(line)
        signature = decode_base64(found["signature"]) if found else b""
        if len(signature) < 5 or any(map(str.isspace, found["name"])):
            raise BadCheckpoint("The checkpoint has a malformed signature line.")
        signatures.append((found["name"], signature[:4], signature[4:]))
    return text + "\n", tuple(signatures)


def decode_base64(text):
    """Decodes base64 with padding (RFC 4648, section 4). Refuses every other spelling of the same bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if base64.b64encode(data).decode() != text:
        raise BadCheckpoint("The checkpoint contains invalid base64.")
    return data
