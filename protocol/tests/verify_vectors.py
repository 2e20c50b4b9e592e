"""Checks a file of test vectors using only Python's standard library. Usage: verify_vectors.py FILE"""

import hashlib
import json
import sys


def canonical(value):
    """Returns the canonical JSON of a value (RFC 8785)."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(canonical(key) + ":" + canonical(value[key]) for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def number(value):
    """Formats a float as ECMAScript's Number::toString does. Python's repr supplies the shortest digits."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    tail = "." + digits[1:] if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaves):
    """Computes the Merkle Tree Hash exactly as RFC 6962, section 2.1, defines it."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01", root(leaves[:k]), root(leaves[k:]))


def check(vector, leaves):
    envelope, content = vector["envelope"], vector["content"]

    def expect_equal(field, computed, stated):
        if computed != stated:
            sys.exit(f"{vector['name']}: {field} should be {computed}, but the file has {stated}")

    text = canonical(envelope)
    expect_equal("canonical", text, vector["canonical"])
    expect_equal("envelope.body_hash", envelope["body_hash"], vector["body_hash"])
    if content is not None:
        body = canonical(content["body"]).encode()
        digest = sha256(b"mcp-multiplayer/body/v2\0", bytes.fromhex(content["salt"]), body)
        expect_equal("body_hash", "sha256:" + digest.hex(), vector["body_hash"])
    leaves.append(sha256(b"\x00", text.encode()))
    expect_equal("leaf_hash", "sha256:" + leaves[-1].hex(), vector["leaf_hash"])
    expect_equal("root", "sha256:" + root(leaves).hex(), vector["root"])
    expect_equal("id", envelope["id"], len(leaves))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        entries = json.load(file)["entries"]
    leaves = []
    for entry in entries:
        check(entry, leaves)
    print(f"{len(leaves)} entries, root sha256:{root(leaves).hex()}")
