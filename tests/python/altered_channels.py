"""Alters what receipts say of the relay, of terms, and of DMs that were unsealed."""

import copy
import hashlib
import json

from resealing import RELAY, body_of, canonical, dump, fit_times, hooks_of, reseal, sign, type_of

OTHER_HASH = "sha256:" + "6" * 64


def mutate_relay(name, lines, choice):
    """Lets the header and the first entry name various relays. The checkpoint has a valid signature of the forger's key."""
    forged = reseal(lines, relay=RELAY)
    yield f"{name}: of another relay", dump(sign(forged))
    for way, log in (("without a relay", None), ("of another origin", RELAY | {"origin": "another.example.org"}),
                     ("with another key", RELAY | {"key": lines[0][1]["log"]["key"]}), ("of the genuine relay", lines[0][1]["log"])):
        changed = copy.deepcopy(forged)
        created = body_of(changed[1][1])
        created.pop("log")
        created |= {"log": log} if log else {}
        yield f"{name}: first entry {way}", dump(sign(rehash(changed)))
        yield f"{name}: first entry {way}, header without one", dump(rehash(changed, log=None))


def mutate_slots(name, lines, choice):
    """Gives the channel as many slots as may be, and one more, which the bot brings."""
    for count in (32, 33):
        changed = copy.deepcopy(lines)
        slots = body_of(changed[1][1])["slots"]
        slots += [{"kind": "bot", "label": f"x{number}"} for number in range(len(slots), count)]
        yield f"{name}: {count} slots", dump(reseal(changed))
        last = max(number for number, line in enumerate(changed) if line[0] == "entry" and type_of(line[1]) == "bot:manifest")
        brought = [line for number, line in enumerate(changed) if number <= last or line[0] != "entry"]
        attach = next(value for line, value in brought if line == "entry" and type_of(value) == "bot:attach")
        body_of(attach).update(slot_id=f"s{count - 1}", slot_label="new")
        slots.pop()
        yield f"{name}: {count - 1} slots and one of the bot", dump(reseal(brought))


def rehash(lines, log=RELAY):
    """Computes the hashes of bodies, and lets the header name this relay."""
    lines = reseal(lines, renumber=False, relay=RELAY)
    lines[0][1]["log"] = log
    return lines


def without_terms(lines):
    """Returns the log of a channel in which nobody has to accept terms, so that terms can be changed."""
    lines = [line for line in copy.deepcopy(lines) if line[0] != "entry" or type_of(line[1]) != "terms:accepted"]
    body_of(lines[1][1]).pop("require_terms", None)
    return lines


def mutate_terms(name, lines, choice):
    """Changes fields of `bot:attach`, in a channel where players accepted the terms and in one where nobody has to."""
    for asks, base in (("with", lines), ("without", without_terms(lines))):
        for way, changes in {
            "api 2": {"api": 2}, "no api": {"api": None}, "policy 2": {"policy": 2}, "policy 0": {"policy": 0}, "no policy": {"policy": None},
            "a null policy": {"policy": "null"}, "no egress_hash": {"egress_hash": None}, "another egress_hash": {"egress_hash": OTHER_HASH},
            "an invalid egress_hash": {"egress_hash": "none"}, "no limits": {"limits": None}, "limits of 0": {"limits": limits(0, 0, 0)},
            "other limits": {"limits": limits(1000, 2000, 32768)}, "small bodies": {"limits": limits(5000, 30000, 10)},
            "more time by the processor than by the clock": {"limits": limits(2000, 1000, 32768)},
            "limits below 0": {"limits": limits(5000, -1, 32768)}, "fractions of limits": {"limits": limits(5000, 1.5, 32768)},
            "large limits": {"limits": limits(2**53 - 1, 2**53 - 1, 2**53 - 1)}, "unseals": {"unseals": True},
            "unseals false": {"unseals": False}, "unseals not": {"unseals": None}, "an unknown field": {"policy_off": True},
        }.items():
            changed = copy.deepcopy(base)
            attach = next(value for line, value in changed if line == "entry" and type_of(value) == "bot:attach")
            body = {field: value for field, value in (body_of(attach) | changes).items() if value is not None}
            attach["content"]["body"] = {field: None if value == "null" else value for field, value in body.items()}
            yield f"{name}: {way}, {asks} terms", dump(reseal(changed))


def limits(hook_ms, hook_wall_ms, body_bytes):
    return {"hook_ms": hook_ms, "hook_wall_ms": hook_wall_ms, "body_bytes": body_bytes}


def mutate_unsealing(name, lines, choice):
    """Leaves out the contents of DMs where some were unsealed, and forges permissions to unseal."""
    base = without_terms(lines)
    for unseals in ({}, {"unseals": True}, {"unseals": False}, {"unseals": None}, {"unseals": 1}):
        for says in (True, False):
            changed = copy.deepcopy(base)
            entries = [value for line, value in changed if line == "entry"]
            attach, described = (next(each for each in entries if type_of(each) == kind) for kind in ("bot:attach", "bot:manifest"))
            manifest = {field: value for field, value in body_of(described)["manifest"].items() if field != "unseals"} | unseals
            body_of(described)["manifest"] = manifest
            body_of(attach)["manifest_hash"] = "sha256:" + hashlib.sha256(canonical(manifest)).hexdigest()
            body_of(attach).pop("unseals", None)
            if says:
                body_of(attach)["unseals"] = True
            yield f"{name}: manifest with {unseals}, bot:attach with {says}", dump(reseal(changed))
    private = [number for number, line in enumerate(lines) if line[0] == "entry" and line[1]["envelope"]["to_slot"]]
    for cause in sorted({0, *(lines[number][1]["envelope"]["cause"] or 0 for number in private)}):
        # As if everything up to this cause had been unsealed, and nothing later.
        for least in (cause, cause + 1):
            hidden = list(lines)
            for number in private:
                envelope = lines[number][1]["envelope"]
                if (envelope["cause"] or envelope["id"]) >= least:
                    hidden[number] = ("entry", lines[number][1] | {"content": None})
            yield f"{name}: private contents from {least} on left out", dump(hidden)
            yield f"{name}: private contents from {least} on left out, unsealed by nobody", dump(reseal(never_unsealed(hidden)))


def entry_of(model, number, body, kind="system", cause=None):
    """Returns the line of an entry of the relay with this number."""
    envelope = model[1]["envelope"] | {"id": number, "kind": kind, "cause": cause}
    return ("entry", {"envelope": envelope, "content": model[1]["content"] | {"body": body}})


def another_bot(lines, number, first, **changes):
    """Returns `bot:attach` and `bot:manifest` of a copy of the bot with this number, and its line `bot`."""
    bot_id = f"bot_SealedBidBot_{number}"
    attach, described, bot = (next(value for name, value in lines if name == line and (line == "bot" or type_of(value) == kind))
                              for line, kind in (("entry", "bot:attach"), ("entry", "bot:manifest"), ("bot", None)))
    model = ("entry", attach)
    return [entry_of(model, first, body_of(attach) | {"bot_id": bot_id} | changes),
            entry_of(model, first - 1, body_of(described) | {"bot_id": bot_id}), ("bot", bot | {"bot_id": bot_id})]


def mutate_bots(name, lines, choice):
    """Makes logs of several bots that unseal: one after another in the same slot, and as many as may and one more."""
    base = without_terms(lines)
    body_of(base[1][1])["bots_change"] = "owner"
    entries = [line for line in base if line[0] == "entry"]
    by_id = {value["envelope"]["id"]: (line, value) for line, value in entries}
    old = body_of(by_id[3][1])
    detach = entry_of(by_id[1], -1, {"type": "bot:detach", "bot_id": old["bot_id"], "slot_id": old["slot_id"], "reason": "replaced", "by": "owner"})
    attach, manifest, bot = another_bot(base, 1, -2)
    renamed = json.loads(json.dumps([by_id[id] for id in range(20, 26)]).replace(old["bot_id"], "bot_SealedBidBot_1"))
    log = [base[0], *(by_id[id] for id in (1, 2, 3, 4, 5, 7, 9, 10, 11, 12)), detach, attach, manifest, *map(tuple, renamed),
           *(line for line in base if line[0] == "bot"), bot]
    yield f"{name}: another bot unseals", dump(reseal(fit_times(log)))
    for number, (line, value) in enumerate(log):
        if line == "entry" and value["envelope"]["to_slot"]:
            hidden = [*log[:number], (line, value | {"content": None}), *log[number + 1:]]
            yield f"{name}: another bot unseals, content of {number} left out", dump(reseal(fit_times(hidden)))
    for count in (64, 65):
        log, bots = entries[:2], []
        for number in range(count):
            attach, manifest, bot = another_bot(base, number, -10 * number - 1, hooks=["on_init"])
            hook = {"bot_id": bot[1]["bot_id"]}
            cause = attach[1]["envelope"]["id"]
            ran = {"type": "bot:ran", "trigger": cause, "step": 0, "hook": "on_init", "effects": 1, "result": {"outcome": "ok"}} | hook
            log += [attach, manifest, entry_of(attach, cause - 2, {"type": "dm:unsealed"} | hook, cause=cause),
                    entry_of(attach, cause - 3, ran, "trace", cause), entry_of(attach, cause - 4, body_of(detach[1]) | hook)]
            bots.append(bot)
        yield f"{name}: {count} bots unseal", dump(reseal([base[0], *log, *bots]))


def never_unsealed(lines):
    """Returns the log without `dm:unsealed`."""
    for hook in hooks_of(lines):
        effects = [number for number in hook if type_of(lines[number][1]) == "dm:unsealed"]
        if effects:
            changed = copy.deepcopy(lines)
            body_of(changed[hook[-1]][1])["effects"] -= len(effects)
            return never_unsealed([line for number, line in enumerate(changed) if number not in effects])
    return lines
