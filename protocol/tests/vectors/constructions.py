"""The right result of every construction that is hashed or derived, and what plausible mistakes give instead.

    python3 constructions.py FILE           computes everything in FILE anew and compares it
    python3 constructions.py --write FILE   writes FILE

Uses only Python's standard library and shares no code with the product, whose tests compute the right results, too.
Each construction is a function of its input that yields pairs: first ("right", value), then (mistake, value).
"""

import base64
import hashlib
import hmac
import json
import sys
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from verify_vectors import canonical, root, sha256  # noqa: E402

CONSTRUCTIONS = []


def construction(section, formula, **given):
    def add(function):
        CONSTRUCTIONS.append((function, section, formula, given))
        return function
    return add


# Forms of JSON.

def jcs(value):
    return canonical(value).encode()


def utf16(name):
    return name.encode("utf-16-be")


def form(value, comma=",", colon=":", order=utf16, escape=False, number=canonical):
    """Returns JSON in the RFC 8785 form but for one property. `order` sorts keys; with None they stay as they are."""
    def written(value):
        if isinstance(value, dict):
            names = list(value) if order is None else sorted(value, key=order)
            return "{" + comma.join(written(name) + colon + written(value[name]) for name in names) + "}"
        if isinstance(value, list):
            return "[" + comma.join(map(written, value)) + "]"
        if isinstance(value, float):
            return number(value)
        return json.dumps(value) if escape else canonical(value)
    return written(value).encode()


def spaced(value):
    return form(value, comma=", ", colon=": ")


def unsorted(value):
    return form(value, order=None)


def json_mistakes(value):
    """Yields (mistake, bytes) for JSON that is not in the RFC 8785 form."""
    yield "JSON with spaces after commas and colons", spaced(value)
    yield "keys in the order in which they were received", unsorted(value)
    yield "characters that are not ASCII are escaped", form(value, escape=True)
    yield "keys sorted by code points, not by UTF-16 code units", form(value, order=str)
    yield "1.0 in place of 1", form(value, number=lambda number: "1.0" if number == 1 else canonical(number))
    yield "1e-07 in place of 1e-7", form(value, number=lambda number: "1e-07" if number == 1e-7 else canonical(number))
    yield "text normalised to NFC", unicodedata.normalize("NFC", canonical(value)).encode()
    yield "JSON ends with a newline", jcs(value) + b"\n"
    yield "JSON encoded twice, as a text", jcs(canonical(value))


# Forms of hashes.

def text(digest):
    return "sha256:" + digest.hex()


def hash_mistakes(digest):
    yield "hash without the prefix sha256:", digest.hex()
    yield "hash in upper case", "sha256:" + digest.hex().upper()
    yield "hash in base64", base64.b64encode(digest).decode()


def tag_mistakes(tag, *parts):
    """Yields mistakes in the tag of SHA-256(tag ‖ 00 ‖ parts)."""
    yield "the tag is missing", text(sha256(*parts))
    yield "no zero byte after the tag", text(sha256(tag, *parts))
    yield "a newline in place of the zero byte", text(sha256(tag, b"\n", *parts))
    yield "the character 0 in place of the zero byte", text(sha256(tag, b"0", *parts))
    yield "tag of version 1", text(sha256(tag.replace(b"/v2", b"/v1"), b"\0", *parts))


BODY = ('{"text": "Tre\\u0300s bien \u2013 \U0001f3b2", "rate": 1.0, "data": {"\ufb33": 1, "\U0001f600": 2, "a": [0.5, 1e-7]}}')
SALT = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"


@construction("Envelope", 'SHA-256("mcp-multiplayer/body/v2" ‖ 00 ‖ salt ‖ JCS(body))', salt=SALT, body=BODY)
def body_hash(salt, body):
    tag, value, salt_bytes = b"mcp-multiplayer/body/v2", json.loads(body), bytes.fromhex(salt)
    right = sha256(tag, b"\0", salt_bytes, jcs(value))
    yield "right", text(right)
    for mistake, form in json_mistakes(value):
        yield mistake, text(sha256(tag, b"\0", salt_bytes, form))
    yield "JSON as it was received", text(sha256(tag, b"\0", salt_bytes, body.encode()))
    yield from tag_mistakes(tag, salt_bytes, jcs(value))
    yield "salt as hex text", text(sha256(tag, b"\0", salt.encode(), jcs(value)))
    yield "salt after the body", text(sha256(tag, b"\0", jcs(value), salt_bytes))
    yield "the salt is missing", text(sha256(tag, b"\0", jcs(value)))
    yield "only the text of the body is hashed", text(sha256(tag, b"\0", salt_bytes, value["text"].encode()))
    yield from hash_mistakes(right)


ENVELOPE = json.dumps({
    "v": 2, "channel_id": "chn_0123456789abcdef", "id": 7, "ts": "2026-11-20T12:00:07.000Z", "sender": "s1", "kind": "user",
    "to_slot": None, "to_tenure": None, "cause": None, "body_hash": "sha256:" + "12" * 32, "author": "relay-attested"})


@construction("Tree, checkpoints and proofs", "SHA-256(00 ‖ JCS(envelope))", envelope=ENVELOPE)
def leaf_hash(envelope):
    value = json.loads(envelope)
    right = sha256(b"\0", jcs(value))
    yield "right", text(right)
    yield "leaf prefix 00 is missing", text(sha256(jcs(value)))
    yield "node prefix 01", text(sha256(b"\1", jcs(value)))
    yield "leaf prefix as text", text(sha256(b"00", jcs(value)))
    yield "hash of the hash", text(sha256(b"\0", sha256(jcs(value))))
    yield "keys in the order of the table", text(sha256(b"\0", unsorted(value)))
    yield "JSON with spaces after commas and colons", text(sha256(b"\0", spaced(value)))
    yield "fields without a value left out", text(sha256(b"\0", jcs({name: each for name, each in value.items() if each is not None})))
    yield "id as text", text(sha256(b"\0", jcs(value | {"id": "7"})))
    yield "ts without milliseconds", text(sha256(b"\0", jcs(value | {"ts": "2026-11-20T12:00:07Z"})))
    yield "body_hash alone", text(sha256(b"\0", bytes.fromhex("12" * 32)))
    yield from hash_mistakes(right)


@construction("Tree, checkpoints and proofs", "the Merkle Tree Hash of RFC 6962, section 2.1, over leaf hashes",
              leaf_hashes=[text(sha256(b"\0", name.encode())) for name in ("one", "two", "three", "four", "five")])
def merkle_root(leaf_hashes):
    leaves = [bytes.fromhex(each.removeprefix("sha256:")) for each in leaf_hashes]

    def node(left, right):
        return sha256(b"\1", left, right)

    def duplicating(level):
        while len(level) > 1:
            level = level + level[-1:] if len(level) % 2 else level
            level = [node(*level[place:place + 2]) for place in range(0, len(level), 2)]
        return level[0]

    def halving(level):
        return level[0] if len(level) == 1 else node(halving(level[:len(level) // 2]), halving(level[len(level) // 2:]))

    def folding(level):
        found = level[0]
        for each in level[1:]:
            found = node(found, each)
        return found

    def unmarked(level, join=lambda left, right: sha256(left, right)):
        if len(level) == 1:
            return level[0]
        k = 1
        while k * 2 < len(level):
            k *= 2
        return join(unmarked(level[:k], join), unmarked(level[k:], join))

    right = root(leaves)
    yield "right", text(right)
    yield "node prefix 01 is missing", text(unmarked(leaves))
    yield "leaf prefix 00 in nodes", text(unmarked(leaves, lambda left, right: sha256(b"\0", left, right)))
    yield "hashes joined as hex text", text(unmarked(leaves, lambda left, right: sha256(b"\1", left.hex().encode(), right.hex().encode())))
    yield "hashes sorted in each node", text(unmarked(leaves, lambda left, right: sha256(b"\1", *sorted((left, right)))))
    yield "a last node without a partner is doubled", text(duplicating(leaves))
    yield "split in the middle, not at the largest power of two", text(halving(leaves))
    yield "leaves added one after another to a chain", text(folding(leaves))
    yield "leaf hashes are hashed as leaves again", text(root([sha256(b"\0", leaf) for leaf in leaves]))
    yield "a leaf left out", text(root(leaves[:-1]))


def attached(number, name, **more):
    return {"type": "bot:attach", "bot_id": f"bot_{name}_{number}", "slot_id": f"s{number}", "name": name, "version": "1.0",
            "code_hash": "sha256:" + "11" * 32, "manifest_hash": "sha256:" + "22" * 32, "params_hash": "sha256:" + "33" * 32,
            "api": 1, "hooks": ["on_message"], "limits": {"hook_ms": 5000, "hook_wall_ms": 30000, "body_bytes": 32768},
            "policy": 1, "sandbox": "full", "seed_commitment": "sha256:" + "55" * 32,
            "runtime": {"worker": "0.1.0", "python": "3.11.7", "lock_hash": "sha256:" + "44" * 32, "memory_bytes": 268435456}} | more


CREATED = {"type": "channel:created", "rules": 2, "name": "A game", "owner": "sha256:" + "66" * 32, "bots_change": "never",
           "slots": [{"kind": "bot", "label": "referee"}, {"kind": "bot", "label": "dealer"}, {"kind": "invite", "label": "alice"}],
           "log": {"origin": "relay.example.org", "key": "ed25519:" + "77" * 32}}


@construction("Terms", 'SHA-256("mcp-multiplayer/terms/v2" ‖ 00 ‖ JCS(terms))', channel_created=CREATED, bot_attach=[
    attached(0, "Judge", preset="GuessBot", env=["API_KEY"], egress_hash="sha256:" + "88" * 32, unseals=True), attached(1, "Dealer")])
def terms_hash(channel_created, bot_attach):
    tag = b"mcp-multiplayer/terms/v2"
    in_terms = ("name", "preset", "code_hash", "manifest_hash", "params_hash", "env", "api", "limits", "egress_hash", "policy", "unseals")
    terms = {"rules": 2, "log": channel_created["log"], "bots_change": channel_created["bots_change"],
             "require_terms": channel_created.get("require_terms", False),
             "bots": [{name: bot[name] for name in in_terms if name in bot} for bot in bot_attach]}
    bots = terms["bots"]

    def hashed(changed, form=jcs):
        return text(sha256(tag, b"\0", form(changed)))

    yield "right", hashed(terms)
    yield "JSON with spaces after commas and colons", hashed(terms, spaced)
    yield "keys in the order of the page", hashed(terms, unsorted)
    yield from tag_mistakes(tag, jcs(terms))
    yield "require_terms left out where it is false", hashed({name: each for name, each in terms.items() if name != "require_terms"})
    yield "log left out", hashed({name: each for name, each in terms.items() if name != "log"})
    yield "missing fields as null", hashed(terms | {"bots": [{name: None for name in in_terms} | bot for bot in bots]})
    yield "env as an empty list and unseals as false where they are missing", hashed(
        terms | {"bots": [{"env": [], "unseals": False} | bot for bot in bots]})
    yield "bots sorted by their names", hashed(terms | {"bots": sorted(bots, key=lambda bot: bot["name"])})
    yield "versions of the bots included", hashed(terms | {"bots": [bot | {"version": "1.0"} for bot in bots]})
    yield "whole bodies of bot:attach", hashed(terms | {"bots": bot_attach})
    yield "name of the channel included", hashed(terms | {"name": "A game"})
    yield from hash_mistakes(sha256(tag, b"\0", jcs(terms)))


RECORD = '[{"ask": {"op": "connect", "host": "example.org"}, "answer": {"ok": 1.0}}]'


@construction("Bodies of the relay's own entries", 'SHA-256("mcp-multiplayer/record/v2" ‖ 00 ‖ salt ‖ record)', salt=SALT, record=RECORD)
def record_hash(salt, record):
    tag, salt_bytes = b"mcp-multiplayer/record/v2", bytes.fromhex(salt)
    right = sha256(tag, b"\0", salt_bytes, record.encode())
    yield "right", text(right)
    yield "record in the RFC 8785 form, not as it is", text(sha256(tag, b"\0", salt_bytes, jcs(json.loads(record))))
    yield "record as a JSON text, with quotes", text(sha256(tag, b"\0", salt_bytes, json.dumps(record).encode()))
    yield from tag_mistakes(tag, salt_bytes, record.encode())
    yield "tag of a body", text(sha256(b"mcp-multiplayer/body/v2", b"\0", salt_bytes, record.encode()))
    yield "salt as hex text", text(sha256(tag, b"\0", salt.encode(), record.encode()))
    yield "the salt is missing", text(sha256(tag, b"\0", record.encode()))
    yield from hash_mistakes(right)


MANIFEST = '{"summary": "Une partie tre\\u0300s simple", "params": {"range": [1, 100], "pace": 1.0, "least": 1e-7}, "\ufb33": 1, "\U0001f600": 2}'


@construction("Bodies of the relay's own entries", "SHA-256(JCS(manifest)), and params_hash is the same of the params", manifest=MANIFEST)
def manifest_hash(manifest):
    value = json.loads(manifest)
    right = sha256(jcs(value))
    yield "right", text(right)
    for mistake, form in json_mistakes(value):
        yield mistake, text(sha256(form))
    yield "JSON as it was received", text(sha256(manifest.encode()))
    yield "with a tag", text(sha256(b"mcp-multiplayer/manifest/v2\0", jcs(value)))
    yield from hash_mistakes(right)


SOURCE = 'class Bot:\n    def on_message(self, msg):\n        self.ctx.post("bot", "très bien")\n'


@construction("Bodies of the relay's own entries", "SHA-256(source), in UTF-8", source=SOURCE)
def code_hash(source):
    right = sha256(source.encode())
    yield "right", text(right)
    yield "without the last newline", text(sha256(source.rstrip("\n").encode()))
    yield "lines end with CR LF", text(sha256(source.replace("\n", "\r\n").encode()))
    yield "with a byte order mark", text(sha256(source.encode("utf-8-sig")))
    yield "in Latin-1", text(sha256(source.encode("latin-1")))
    yield "as a JSON text, with quotes", text(sha256(canonical(source).encode()))
    yield "JSON encoded twice, as a text", text(sha256(canonical(canonical(source)).encode()))
    yield from hash_mistakes(right)


RULES = {"ports": [443, 80], "allow": ["*.example.org"], "deny": [], "only_allowed": False, "hook_connections": 4, "hook_bytes": 1048576}


@construction("Rules for connections", 'SHA-256("mcp-multiplayer/egress/v2" ‖ 00 ‖ JCS(rules))', rules=RULES)
def egress_hash(rules):
    tag = b"mcp-multiplayer/egress/v2"
    right = sha256(tag, b"\0", jcs(rules))
    yield "right", text(right)
    yield "JSON with spaces after commas and colons", text(sha256(tag, b"\0", spaced(rules)))
    yield "keys in the order of the page", text(sha256(tag, b"\0", unsorted(rules)))
    yield from tag_mistakes(tag, jcs(rules))
    yield "empty lists and false left out", text(sha256(tag, b"\0", jcs({name: each for name, each in rules.items() if each not in ([], False)})))
    yield "ports sorted", text(sha256(tag, b"\0", jcs(rules | {"ports": sorted(rules["ports"])})))
    yield "names of the settings as keys", text(sha256(tag, b"\0", jcs({"bot_network_" + name: each for name, each in rules.items()})))
    yield from hash_mistakes(right)


SEED = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"


@construction("Bots' seeds and keystreams", 'SHA-256("mcp-multiplayer/bot-seed/v2" ‖ 00 ‖ seed)', seed=SEED)
def seed_commitment(seed):
    tag, seed_bytes = b"mcp-multiplayer/bot-seed/v2", bytes.fromhex(seed)
    right = sha256(tag, b"\0", seed_bytes)
    yield "right", text(right)
    yield from tag_mistakes(tag, seed_bytes)
    yield "tag of the chain of seeds", text(sha256(b"mcp-multiplayer/seed-chain/v2", b"\0", seed_bytes))
    yield "seed as hex text", text(sha256(tag, b"\0", seed.encode()))
    yield from hash_mistakes(right)


@construction("Bots' seeds and keystreams", 'the seed of epoch 2: seed[n] = SHA-256("mcp-multiplayer/seed-chain/v2" ‖ 00 ‖ seed[n+1]), as hex', seed_of_epoch_4=SEED)
def seed_of_epoch_2(seed_of_epoch_4):
    tag, last = b"mcp-multiplayer/seed-chain/v2", bytes.fromhex(seed_of_epoch_4)

    def earlier(seed, step, steps=2):
        for _ in range(steps):
            seed = step(seed)
        return seed.hex()

    def right(seed):
        return sha256(tag, b"\0", seed)

    yield "right", earlier(last, right)
    yield "the tag is missing", earlier(last, sha256)
    yield "no zero byte after the tag", earlier(last, lambda seed: sha256(tag, seed))
    yield "tag of the commitment", earlier(last, lambda seed: sha256(b"mcp-multiplayer/bot-seed/v2", b"\0", seed))
    yield "seeds as hex text", earlier(last, lambda seed: sha256(tag, b"\0", seed.hex().encode()))
    yield "one step too few", earlier(last, right, 1)
    yield "one step too many", earlier(last, right, 3)
    yield "the number of the epoch is hashed", earlier(last, lambda seed: sha256(tag, b"\0", seed, b"\2"), 1)


def extract(salt, material):
    return hmac.digest(salt, material, "sha256")


def expand(key, info):
    return hmac.digest(key, info + b"\1", "sha256")


def hkdf(salt, material, info):
    return expand(extract(salt, material), info)


CLOSED, OPEN = b"mcp-multiplayer/stream/v1/relay-only", b"mcp-multiplayer/stream/v1/open"


@construction("Bots' seeds and keystreams", "HKDF-SHA256(seed) without salt, info mcp-multiplayer/stream/v1/relay-only, 32 bytes, as hex", seed=SEED)
def keystream_key_relay_only(seed):
    seed_bytes, zeros = bytes.fromhex(seed), bytes(32)
    yield "right", hkdf(zeros, seed_bytes, CLOSED).hex()
    yield "info of the open keystream", hkdf(zeros, seed_bytes, OPEN).hex()
    yield "a zero byte after info", hkdf(zeros, seed_bytes, CLOSED + b"\0").hex()
    yield "info as salt", hkdf(CLOSED, seed_bytes, b"").hex()
    yield "seed as hex text", hkdf(zeros, seed.encode(), CLOSED).hex()
    yield "expanded only, without extracting", expand(seed_bytes, CLOSED).hex()
    yield "extracted only, without expanding", extract(zeros, seed_bytes).hex()
    yield "HMAC of info in place of HKDF", hmac.digest(seed_bytes, CLOSED, "sha256").hex()
    yield "SHA-256 of seed and info", sha256(seed_bytes, CLOSED).hex()


@construction("Bots' seeds and keystreams", "HKDF-SHA256(seed), salt: for each contribution the slot's number as 2 bytes and the hash; info "
              "mcp-multiplayer/stream/v1/open, 32 bytes, as hex", seed=SEED,
              contributions=[{"slot_id": "s12", "entry": 9, "entropy_text": "four dice: 6 1 3 3"}, {"slot_id": "s2", "entry": 11, "entropy_text": "heads, tails"}])
def keystream_key_open(seed, contributions):
    seed_bytes = bytes.fromhex(seed)
    given = [(int(each["slot_id"][1:]), each["entry"], each["entropy_text"].encode()) for each in contributions]

    def key(part, those=given):
        return hkdf(b"".join(part(*each) for each in those), seed_bytes, OPEN).hex()

    def right(place, entry, entropy):
        return place.to_bytes(2, "big") + sha256(entropy)

    salt = b"".join(right(*each) for each in given)
    yield "right", key(right)
    yield "little-endian numbers", key(lambda place, entry, entropy: place.to_bytes(2, "little") + sha256(entropy))
    yield "numbers of 1 byte", key(lambda place, entry, entropy: place.to_bytes(1, "big") + sha256(entropy))
    yield "numbers of 4 bytes", key(lambda place, entry, entropy: place.to_bytes(4, "big") + sha256(entropy))
    yield "ids of slots as text", key(lambda place, entry, entropy: b"s%d" % place + sha256(entropy))
    yield "ids of entries in place of slots", key(lambda place, entry, entropy: entry.to_bytes(2, "big") + sha256(entropy))
    yield "slots left out", key(lambda place, entry, entropy: sha256(entropy))
    yield "entropy in place of its hash", key(lambda place, entry, entropy: place.to_bytes(2, "big") + entropy)
    yield "hashes as text", key(lambda place, entry, entropy: place.to_bytes(2, "big") + text(sha256(entropy)).encode())
    yield "contributions sorted by slot", key(right, sorted(given))
    yield "no salt", hkdf(bytes(32), seed_bytes, OPEN).hex()
    yield "salt and seed exchanged", hkdf(seed_bytes, salt, OPEN).hex()
    yield "info of the keystream before on_start", hkdf(salt, seed_bytes, CLOSED).hex()


@construction("Bots' seeds and keystreams", "the first 64 bytes of the keystream: HMAC-SHA256(key, n) for n = 0, 1 as 8 bytes, as hex", key=SEED)
def keystream(key):
    key_bytes = bytes.fromhex(key)

    def stream(form, numbers=(0, 1), used=key_bytes):
        return b"".join(hmac.digest(used, form(n), "sha256") for n in numbers).hex()

    yield "right", stream(lambda n: n.to_bytes(8, "big"))
    yield "numbers from 1", stream(lambda n: n.to_bytes(8, "big"), (1, 2))
    yield "little-endian numbers", stream(lambda n: n.to_bytes(8, "little"))
    yield "numbers of 4 bytes", stream(lambda n: n.to_bytes(4, "big"))
    yield "numbers as text", stream(lambda n: str(n).encode())
    yield "key as hex text", stream(lambda n: n.to_bytes(8, "big"), used=key.encode())
    yield "SHA-256 of key and number in place of HMAC", b"".join(sha256(key_bytes, n.to_bytes(8, "big")) for n in (0, 1)).hex()


ORIGIN, ROOT, KEY = "relay.example.org/chn_0123456789abcdef", "sha256:" + "fb" * 32, "ed25519:" + "77" * 32


@construction("Tree, checkpoints and proofs", "the three lines that are signed: origin, size, root", origin=ORIGIN, size=1000, root=ROOT)
def checkpoint_text(origin, size, root):
    digest = bytes.fromhex(root.removeprefix("sha256:"))
    encoded = base64.b64encode(digest).decode()
    yield "right", f"{origin}\n{size}\n{encoded}\n"
    yield "no newline after the root", f"{origin}\n{size}\n{encoded}"
    yield "the empty line included", f"{origin}\n{size}\n{encoded}\n\n"
    yield "root in hex", f"{origin}\n{size}\n{digest.hex()}\n"
    yield "root as the log writes hashes", f"{origin}\n{size}\n{root}\n"
    yield "root in base64 for URLs", f"{origin}\n{size}\n{base64.urlsafe_b64encode(digest).decode()}\n"
    yield "base64 without padding", f"{origin}\n{size}\n{encoded.rstrip('=')}\n"
    yield "base64 of the hex text", f"{origin}\n{size}\n{base64.b64encode(digest.hex().encode()).decode()}\n"
    yield "origin without the channel", f"{origin.partition('/')[0]}\n{size}\n{encoded}\n"
    yield "size with a separator", f"{origin}\n{size:,}\n{encoded}\n"
    yield "lines end with CR LF", f"{origin}\r\n{size}\r\n{encoded}\r\n"


@construction("Tree, checkpoints and proofs", "the first four bytes of SHA-256(name ‖ 0A ‖ 01 ‖ public key), as hex", name=ORIGIN, key=KEY)
def key_id(name, key):
    key_bytes = bytes.fromhex(key.removeprefix("ed25519:"))
    yield "right", sha256(name.encode(), b"\n\1", key_bytes)[:4].hex()
    yield "no newline after the name", sha256(name.encode(), b"\1", key_bytes)[:4].hex()
    yield "a zero byte in place of the newline", sha256(name.encode(), b"\0\1", key_bytes)[:4].hex()
    yield "the type 01 is missing", sha256(name.encode(), b"\n", key_bytes)[:4].hex()
    yield "type 04 of a cosignature", sha256(name.encode(), b"\n\4", key_bytes)[:4].hex()
    yield "key as hex text", sha256(name.encode(), b"\n\1", key_bytes.hex().encode())[:4].hex()
    yield "the last four bytes", sha256(name.encode(), b"\n\1", key_bytes)[-4:].hex()
    yield "name without the channel", sha256(name.partition("/")[0].encode(), b"\n\1", key_bytes)[:4].hex()


ABOUT = ("For each construction its input, the right result, and the results of mistakes, each with the name of the mistake. "
         "README.md describes the format.")


def computed():
    """Returns the contents of the file."""
    constructions = []
    for function, section, formula, given in CONSTRUCTIONS:
        name = function.__name__
        (first, right), *wrong = function(**given)
        results = [right, *(value for _, value in wrong)]
        if first != "right" or len(set(results)) != len(results):
            twice = [mistake for place, (mistake, value) in enumerate(wrong) if value in results[:place + 1]]
            sys.exit(f"{name}: these mistakes give what the right construction or another mistake gives: {twice}")
        constructions.append({"name": name, "section": section, "formula": formula, "input": given, "right": right,
                              "wrong": [{"mistake": mistake, "value": value} for mistake, value in wrong]})
    return {"about": ABOUT, "constructions": constructions}


def main():
    *options, path = sys.argv[1:]
    found = json.dumps(computed(), ensure_ascii=False, indent=2) + "\n"
    if options == ["--write"]:
        Path(path).write_text(found, encoding="utf-8")
    elif Path(path).read_text(encoding="utf-8") != found:
        sys.exit(f"{path} does not contain what this program computes")


if __name__ == "__main__":
    main()
