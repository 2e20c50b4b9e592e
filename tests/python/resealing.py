"""Reads receipts as lists of lines, and makes altered ones fit again: their numbers, references, hashes and terms.

The forger of these receipts is a relay that can sign whatever it likes, so that only the rules can give the receipts away.
"""

import base64
import copy
import functools
import hashlib
import json
import re
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import paths

sys.path.insert(0, str(paths.ROOT / "examples/verify"))

from canonical import canonical, tagged_hash  # noqa: E402
from log import Log  # noqa: E402
from tree import Tree  # noqa: E402

RECEIPTS = sorted((paths.ROOT / "tests/receipts").glob("*.jsonl"))
REFERENCES = ("trigger", "set_by", "began")
KEY = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
RELAY = {"origin": "forger.example.org", "key": "ed25519:" + KEY.public_key().public_bytes_raw().hex()}


# A line is a pair (name, value).

def load(path):
    return [next(iter(json.loads(line).items())) for line in path.read_text().splitlines()]


def dump(lines):
    """Writes lines; a text is a line as it is."""
    written = [line if isinstance(line, str) else json.dumps(dict([line]), ensure_ascii=False, separators=(",", ":")) for line in lines]
    return "".join(line + "\n" for line in written).encode("utf-8", "surrogatepass")


def body_of(entry):
    body = (entry["content"] or {}).get("body")
    return body if isinstance(body, dict) else {}


def type_of(entry):
    """Returns the type of an entry of the relay, or what kind of post it is."""
    envelope = entry["envelope"]
    if envelope["sender"] == "system":
        return str(body_of(entry).get("type"))
    return ("bot" if str(envelope["sender"]).startswith("bot:") else "player") + (":private" if envelope["to_slot"] else "")


@functools.cache
def accepted_terms():
    """Returns the terms that players accepted in the receipts, by their hash."""
    found = {}
    for path in RECEIPTS:
        lines = load(path)
        log = Log(lines[0][1]["channel_id"], lines[0][1]["log"])
        for entry in (value for name, value in lines if name == "entry"):
            if type_of(entry) == "terms:accepted":
                found[body_of(entry)["terms_hash"]] = log.terms()
            log.add(entry)
    return found


def reseal(lines, renumber=True, relay=None):
    """Numbers entries anew, follows references, computes the hashes of bodies, and leaves out the relay's signature.

    The log becomes that of another relay, or of a game without one; the terms that were accepted are changed accordingly.
    """
    lines = copy.deepcopy([line for line in lines if line[0] != "checkpoint"])
    entries = [value for name, value in lines if name == "entry"]
    relays = {} if relay is None else {"log": relay}
    for entry in entries:
        body = body_of(entry)
        if type_of(entry) == "channel:created" and body.get("log") == lines[0][1].get("log"):
            body.pop("log", None)
            body |= relays
        elif type_of(entry) == "terms:accepted" and str(body.get("terms_hash")) in accepted_terms():
            terms = {name: value for name, value in accepted_terms()[body["terms_hash"]].items() if name != "log"} | relays
            body["terms_hash"] = "sha256:" + tagged_hash("mcp-multiplayer/terms/v2", canonical(terms)).hex()
    if renumber:
        moved = {}
        for number, entry in enumerate(entries, 1):
            moved.setdefault(entry["envelope"]["id"], number)
        for number, entry in enumerate(entries, 1):
            envelope, body = entry["envelope"], body_of(entry)
            envelope["id"] = number
            is_system = envelope["sender"] == "system"
            for holder, names in ((envelope, ("cause", "to_tenure")), (body, REFERENCES if is_system else ())):
                for name in names:
                    if name in holder:
                        holder[name] = moved.get(holder[name], holder[name])
            for given in body.get("contributions", ()) if is_system else ():
                given["entry"] = moved.get(given["entry"], given["entry"])
            if type_of(entry) == "entry:deleted" and isinstance(body.get("ids"), list):
                body["ids"] = [moved.get(id, id) if isinstance(id, int) else id for id in body["ids"]]
        for name, value in lines:
            if name == "exchange":
                value["trigger"] = moved.get(value["trigger"], value["trigger"])
    for entry in entries:
        content = entry["content"]
        if isinstance(content, dict) and re.fullmatch("[0-9a-f]{64}", str(content.get("salt"))) and "body" in content:
            text = b"mcp-multiplayer/body/v2\0" + bytes.fromhex(content["salt"]) + canonical(content["body"])
            entry["envelope"]["body_hash"] = "sha256:" + hashlib.sha256(text).hexdigest()
    lines[0][1]["log"] = relay
    return lines


def sign(lines):
    """Adds a checkpoint with the forger's key."""
    tree, header = Tree(), lines[0][1]
    for name, value in lines:
        if name == "entry":
            tree.add(canonical(value["envelope"]))
    origin = f"{RELAY['origin']}/{header['channel_id']}"
    text = f"{origin}\n{tree.size}\n{base64.b64encode(tree.root()).decode()}\n"
    key_id = hashlib.sha256(origin.encode() + b"\n\1" + KEY.public_key().public_bytes_raw()).digest()[:4]
    signature = base64.b64encode(key_id + KEY.sign(text.encode())).decode()
    return [*lines, ("checkpoint", f"{text}\n— {origin} {signature}\n")]


def fit_times(lines):
    """Lets no entry be earlier than the one before it."""
    lines, last = copy.deepcopy(lines), ""
    for name, value in lines:
        if name == "entry":
            last = value["envelope"]["ts"] = max(last, value["envelope"]["ts"])
    return lines


def hooks_of(lines):
    """Returns the hooks in a log: lists of the places of entries, the last of which is a `bot:ran` or a `bot:skipped`."""
    found, hook = [], []
    for number, (name, value) in enumerate(lines):
        if name != "entry" or value["envelope"]["cause"] is None or type_of(value) == "bot:detach":
            hook = []
            continue
        hook.append(number)
        if type_of(value) in ("bot:ran", "bot:skipped"):
            found.append(hook)
            hook = []
    return found
