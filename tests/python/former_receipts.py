"""Makes receipts of former members out of whole ones: the log up to some entry, and later entries with proofs.

The trees and proofs are computed as RFC 6962, section 2.1, defines them, and signed with a key of this module's own.
"""

import base64
import copy
import hashlib
import struct

from canonical import canonical, tagged_hash
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY = Ed25519PrivateKey.from_private_bytes(bytes([9] * 32))
ORIGIN = "relay.example.org"
AFTERMATH = ("seed:reveal", "dm:unsealed", "close_requested", "close_applied", "operator:stopped", "entry:deleted")


def public_bytes(key):
    return key.public_key().public_bytes_raw()


def leaves(entries):
    return [hashlib.sha256(b"\0" + canonical(entry["envelope"])).digest() for entry in entries]


def root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    middle = split(len(hashes))
    return hashlib.sha256(b"\1" + root(hashes[:middle]) + root(hashes[middle:])).digest()


def split(count):
    """Returns the largest power of two below the count."""
    return 1 << (count - 1).bit_length() - 1


def path(index, hashes):
    """Returns the inclusion proof of a leaf."""
    if len(hashes) == 1:
        return []
    middle = split(len(hashes))
    if index < middle:
        return path(index, hashes[:middle]) + [root(hashes[middle:])]
    return path(index - middle, hashes[middle:]) + [root(hashes[:middle])]


def consistency(size, hashes, whole=True):
    """Returns the proof that the first leaves are the beginning."""
    if size == len(hashes):
        return [] if whole else [root(hashes)]
    middle = split(len(hashes))
    if size <= middle:
        return consistency(size, hashes[:middle], whole) + [root(hashes[middle:])]
    return consistency(size - middle, hashes[middle:], False) + [root(hashes[:middle])]


def texts(hashes):
    return ["sha256:" + each.hex() for each in hashes]


def signature_line(name, kind, key, signature):
    key_id = hashlib.sha256(name.encode() + b"\n" + kind + public_bytes(key)).digest()[:4]
    return f"— {name} {base64.b64encode(key_id + signature).decode()}\n"


def checkpoint(channel_id, hashes):
    """Returns the signed note of a log."""
    origin = f"{ORIGIN}/{channel_id}"
    text = f"{origin}\n{len(hashes)}\n{base64.b64encode(root(hashes)).decode()}\n"
    return text + "\n" + signature_line(origin, b"\x01", KEY, KEY.sign(text.encode()))


def cosigned(note, name, key, time=1_800_000_000):
    """Adds a witness's cosignature to a note."""
    text = note[:note.rindex("\n\n") + 1]
    signature = key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    return note + signature_line(name, b"\x04", key, struct.pack(">Q", time) + signature)


def verifier_key(name, kind, key):
    """Returns a public key in the format of signed-note."""
    key_id = hashlib.sha256(name.encode() + b"\n" + kind + public_bytes(key)).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(kind + public_bytes(key)).decode()}"


def type_of(entry):
    return entry["content"]["body"].get("type") if entry["envelope"]["sender"] == "system" and entry["content"] else None


def reseal(entry):
    content = entry["content"]
    body_hash = tagged_hash("mcp-multiplayer/body/v2", bytes.fromhex(content["salt"]), canonical(content["body"])).hex()
    entry["envelope"]["body_hash"] = "sha256:" + body_hash


def former(lines, left, shown=None):
    """Returns the receipt of somebody who left with entry `left`. `shown` are the ids of the later entries in it."""
    lines = copy.deepcopy(lines)
    header, entries = lines[0][1], [value for name, value in lines if name == "entry"]
    header["log"] = entries[0]["content"]["body"]["log"] = {"origin": ORIGIN, "key": "ed25519:" + public_bytes(KEY).hex()}
    reseal(entries[0])
    hashes = leaves(entries)
    if shown is None:
        shown = [entry["envelope"]["id"] for entry in entries[left:]
                 if type_of(entry) in AFTERMATH and entry["content"]["body"].get("began", 0) <= left
                 and min(entry["content"]["body"].get("ids") or [0]) <= left]
    attached = {entry["content"]["body"]["bot_id"] for entry in entries[:left] if type_of(entry) == "bot:attach"}
    later = {"checkpoint": checkpoint(header["channel_id"], hashes), "proof": texts(consistency(left, hashes))}
    # Only the operator has seeds beside the log.
    return [
        lines[0], *(("entry", entry) for entry in entries[:left]), ("later", later),
        *(("later_entry", {"entry": entries[number - 1], "proof": texts(path(number - 1, hashes))}) for number in shown),
        *((name, {field: value[field] for field in ("bot_id", "source", "params")})
          for name, value in lines if name == "bot" and value["bot_id"] in attached),
        *((name, value) for name, value in lines if name == "exchange" and value["trigger"] <= left),
        ("checkpoint", checkpoint(header["channel_id"], hashes[:left])),
    ]
