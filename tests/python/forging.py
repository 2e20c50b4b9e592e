"""Reads and writes receipts that are being forged, and makes their ids, references and hashes fit again."""

import copy
import hashlib
import json


def read(path):
    """Reads a receipt: its header, its checkpoint, its entries, bots by id, and exchanges."""
    receipt = {"entries": [], "bots": {}, "exchanges": []}
    for line in path.read_text().splitlines():
        ((kind, value),) = json.loads(line).items()
        if kind == "entry":
            receipt["entries"].append(value)
        elif kind == "bot":
            receipt["bots"][value["bot_id"]] = value
        elif kind == "exchange":
            receipt["exchanges"].append(value)
        else:
            receipt[kind] = value
    return receipt


def lines(receipt):
    """Returns the text of a receipt."""
    values = [("header", receipt["header"]), *(("entry", entry) for entry in receipt["entries"]),
              *(("bot", bot) for bot in receipt["bots"].values()), *(("exchange", each) for each in receipt["exchanges"]),
              ("checkpoint", receipt["checkpoint"])]
    return "".join(json.dumps({kind: value}) + "\n" for kind, value in values)


REFERENCES = ("trigger", "set_by", "began")


def body_of(entry):
    return (entry["content"] or {}).get("body", {})


def canonical(value):
    """Canonical JSON of what these logs contain: no number in them is written differently by RFC 8785."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def rehash(entry):
    if entry["content"]:
        preimage = b"mcp-multiplayer/body/v2\0" + bytes.fromhex(entry["content"]["salt"]) + canonical(entry["content"]["body"])
        entry["envelope"]["body_hash"] = "sha256:" + hashlib.sha256(preimage).hexdigest()


def seal(receipt):
    """Numbers the entries anew, follows every reference to their ids, and computes the hashes of their bodies."""
    entries = receipt["entries"]
    moved = {entry["envelope"]["id"]: number for number, entry in enumerate(entries, 1) if not entry.get("new")}
    follow = lambda id: moved.get(id, id)  # noqa: E731
    for number, entry in enumerate(entries, 1):
        entry.pop("new", None)
        envelope, body = entry["envelope"], body_of(entry)
        envelope["id"] = number
        for name in ("cause", "to_tenure"):
            if envelope[name] is not None:
                envelope[name] = follow(envelope[name])
        if envelope["sender"] == "system":
            for name in REFERENCES:
                if name in body:
                    body[name] = follow(body[name])
            for given in body.get("contributions", ()):
                given["entry"] = follow(given["entry"])
            if "ids" in body:
                body["ids"] = [follow(id) for id in body["ids"]]
        rehash(entry)
    for exchange in receipt["exchanges"]:
        exchange["trigger"] = follow(exchange["trigger"])
    return receipt


class Log:
    """A receipt that is being forged."""

    def __init__(self, receipt):
        self.receipt = copy.deepcopy(receipt)
        self.entries = self.receipt["entries"]

    def calls(self):
        """The hooks in the log: lists of entries that belong together, the last of which is `bot:ran` or `bot:skipped`."""
        call, found = [], []
        for entry in self.entries:
            kind, envelope = body_of(entry).get("type"), entry["envelope"]
            if envelope["cause"] is None or kind == "bot:detach":
                call = []
                continue
            call.append(entry)
            if envelope["sender"] == "system" and kind in ("bot:ran", "bot:skipped"):
                found.append(call)
                call = []
        return found

    def find(self, test):
        return next((entry for entry in self.entries if test(entry)), None)

    def system(self, kind):
        return self.find(lambda entry: entry["envelope"]["sender"] == "system" and body_of(entry).get("type") == kind)

    def posts(self):
        return [entry for entry in self.entries if entry["envelope"]["sender"].startswith("bot:")]

    def calls_with_posts(self):
        return [call for call in self.calls() if any(entry["envelope"]["sender"].startswith("bot:") for entry in call)]

    def remove(self, *removed):
        ids = {id(entry) for entry in removed}
        self.entries[:] = [entry for entry in self.entries if id(entry) not in ids]

    def insert_after(self, entry, *new):
        place = next(place for place, each in enumerate(self.entries) if each is entry)
        self.entries[place + 1:place + 1] = [each | {"new": True} for each in copy.deepcopy(new)]

    def insert_before(self, entry, new):
        place = next(place for place, each in enumerate(self.entries) if each is entry)
        self.entries.insert(place, copy.deepcopy(new) | {"new": True})

    def private_calls(self):
        """The hooks that ran because of a DM. The entry before the last is the private result."""
        return [call for call in self.calls() if body_of(call[-1])["type"] == "bot:ran" and body_of(call[-1])["hook"] == "on_private_message"]

    def call_of(self, hook):
        return next((call for call in self.calls() if body_of(call[-1]).get("hook") == hook), None)
