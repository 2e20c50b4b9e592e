"""The forms of envelopes and of the relay's own entries: which fields they have, and which values these may take."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from canonical import HASH, HEX_32_BYTES, Malformed
from lines import LARGEST_COUNT, fields, is_number
from tree import KEY

ENVELOPE = ("v", "channel_id", "id", "ts", "sender", "kind", "to_slot", "to_tenure", "cause", "body_hash", "author")
KIND = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
SLOT = re.compile(r"s([12]?[0-9]|3[01])\Z")
BOT_ID = re.compile(r"bot_[A-Za-z0-9_-]{1,48}\Z")
BOT_SENDER = re.compile(r"bot:(bot_[A-Za-z0-9_-]{1,48})\Z")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")
SHORTEST_TIMER, LONGEST_TIMER = timedelta(seconds=1), timedelta(days=30)  # docs/BOTS.md, "Limits"
HOOKS = ("on_init", "on_join", "on_leave", "on_ready", "on_start", "on_message", "on_private_message", "on_timer", "on_close")
OUTCOMES = ("ok", "error", "timeout", "died", "refused")
REASONS = ("depth", "stale", "budget", "closing", "unavailable")


@lru_cache
def time_of(text):
    """Parses a time of the log: RFC 3339, UTC, with milliseconds and `Z`. Returns None if it is not one."""
    if not TIME.match(text):
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        return None


# Tests of single values.

def text(value):
    return isinstance(value, str)


def size(value):
    return is_number(value)


def count(value):
    return is_number(value, most=LARGEST_COUNT)


def number(value):
    return is_number(value, 1, LARGEST_COUNT)


def timer_duration(value):
    return is_number(value) and SHORTEST_TIMER <= timedelta(milliseconds=min(value, 10**15)) <= LONGEST_TIMER


def entry_id(value):
    return is_number(value, 1)


def boolean(value):
    return isinstance(value, bool)


def hash_(value):
    return isinstance(value, str) and bool(HASH.match(value))


def hex_(value):
    return isinstance(value, str) and bool(HEX_32_BYTES.match(value))


def key(value):
    return isinstance(value, str) and bool(KEY.match(value))


def slot(value):
    return isinstance(value, str) and bool(SLOT.match(value))


def bot_id(value):
    return isinstance(value, str) and bool(BOT_ID.match(value))


def by(value):
    return value == "owner" or slot(value)


def ascending_ids(value):
    return list_of(entry_id)(value) and value != [] and value == sorted(set(value))


def time(value):
    return isinstance(value, str) and time_of(value) is not None


def object_(value):
    return isinstance(value, dict)


def one_of(*values):
    return lambda value: any(value is each or (isinstance(each, str) and value == each) for each in values)


def exactly(number):
    return lambda value: is_number(value) and value == number


def list_of(test):
    return lambda value: isinstance(value, list) and all(map(test, value))


def is_empty(value):
    """Returns whether an optional field with this value has to be left out."""
    return value is None or value is False or value == []


def record(required, optional=None):
    """Returns a test for an object with these fields."""
    optional = optional or {}

    def matches(value):
        return (isinstance(value, dict) and all(name in value for name in required)
                and all(name in required or name in optional for name in value)
                and all((required | optional)[name](each) for name, each in value.items())
                and not any(is_empty(value[name]) for name in optional if name in value))
    return matches


RELAY = record({"origin": text, "key": key})
LIMITS = record({"hook_ms": size, "hook_wall_ms": size, "body_bytes": size})
RUNTIME = record({"worker": text, "python": text, "lock_hash": hash_, "memory_bytes": size})
SANDBOX = one_of("full", "kernel", "process")
SANDBOX_REPORT = record({"active": list_of(text), "self_test": text}, {"missing": list_of(text)})
EXCHANGED = record({"record_hash": hash_, "hosts": list_of(text)}, {"sealed": one_of(True)})
RESULT = {"outcome": one_of(*OUTCOMES)}, {"exchanged": EXCHANGED, "undelivered": list_of(count)}
CONTRIBUTION = record({"slot_id": slot, "entry": entry_id, "entropy": hash_})
MOST_SLOTS = 32
SLOTS = list_of(record({"kind": one_of("bot", "invite"), "label": text}))
HOOK = {"bot_id": bot_id, "trigger": entry_id, "step": count, "hook": one_of(*HOOKS)}
SEAT = {"slot_id": slot, "label": text}
BOT_SLOT = {"bot_id": bot_id, "slot_id": slot}

# For each type of an entry of the relay: its kind, its required fields, its optional fields.
SYSTEM = {
    "channel:created": ("system", {
        "rules": exactly(2), "name": text, "slots": lambda value: SLOTS(value) and len(value) <= MOST_SLOTS,
        "owner": hash_, "bots_change": one_of("never", "owner")}, {"require_terms": one_of(True), "log": RELAY}),
    "bots_announced": ("system", {
        "bots": list_of(record({"slot_id": slot, "name": text, "version": text, "summary": text}))}, {}),
    "bot:attach": ("system", BOT_SLOT | {
        "name": text, "version": text, "code_hash": hash_, "manifest_hash": hash_, "params_hash": hash_,
        "api": exactly(1), "hooks": list_of(one_of(*HOOKS)), "limits": LIMITS, "runtime": RUNTIME, "sandbox": SANDBOX,
        "seed_commitment": hash_}, {
        "slot_label": text, "preset": text, "env": list_of(text), "egress_hash": hash_, "policy": exactly(1),
        "unseals": one_of(True), "sandbox_report": SANDBOX_REPORT, "by": by}),
    "bot:manifest": ("system", {"bot_id": bot_id, "manifest": object_}, {}),
    "bot:detach": ("system", BOT_SLOT | {"reason": text}, {"by": by}),
    "member:join": ("system", SEAT | {"player": hash_}, {"entropy": text, "program": one_of(True)}),
    "terms:accepted": ("system", {"slot_id": slot, "terms_hash": hash_}, {}),
    "member:rejoin": ("system", SEAT | {"player": hash_}, {}),
    "member:leave": ("system", SEAT | {"by": by}, {}),
    "member:kick": ("system", SEAT | {"by": by}, {}),
    "rename_applied": ("system", {"name": text, "by": by}, {}),
    "set_admin_applied": ("system", {"slot_id": slot, "admin": boolean, "by": by}, {}),
    "yield_slot_applied": ("system", {"slot_id": slot, "to": one_of("bot", "invite"), "by": by}, {}),
    "new_invite_applied": ("system", {"slot_id": slot, "generation": count, "by": by}, {}),
    "close_slot_applied": ("system", {"slot_id": slot, "by": by}, {}),
    "close_requested": ("system", {}, {"by": by}),
    "close_applied": ("system", {}, {}),
    "operator:stopped": ("system", {}, {}),
    "entry:deleted": ("system", {"ids": ascending_ids}, {"by": slot}),
    "seats:held": ("system", {"bot_id": bot_id, "until": time}, {}),
    "seats:released": ("system", {"bot_id": bot_id}, {}),
    "bot:runtime": ("system", {"bot_id": bot_id, "runtime": RUNTIME, "sandbox": SANDBOX}, {
        "sandbox_report": SANDBOX_REPORT, "egress_hash": hash_}),
    "bot:ran": ("trace", HOOK | {"effects": count}, {
        "drawn": list_of(record({"epoch": count, "open": boolean, "from": size, "to": size})),
        "timers": list_of(record({"n": number}, {"after_ms": timer_duration})),
        "result": record(*RESULT)}),
    "bot:skipped": ("trace", HOOK | {"reason": one_of(*REASONS)}, {}),
    "dm:unsealed": ("system", {"bot_id": bot_id}, {}),
    "entropy:open": ("system", {"bot_id": bot_id, "epoch": count, "contributions": list_of(CONTRIBUTION)}, {"missing": list_of(slot)}),
    "seed:reveal": ("system", {"bot_id": bot_id, "epoch": count, "began": entry_id, "seed": hex_, "next_commitment": hash_}, {}),
    "timer": ("trace", {"bot_id": bot_id, "n": number, "set_by": entry_id}, {}),
    "bot:error": ("control", {"bot_id": bot_id, "hook": one_of(*HOOKS), "reason": text, "text": text}, {"line": number}),
}

# The body of a private result: its kind, and its fields by outcome.
PRIVATE_RESULT = {"type": one_of("bot:result")} | RESULT[0]
PRIVATE_SUCCESS = record(PRIVATE_RESULT, RESULT[1])
PRIVATE_FAILURE = record(PRIVATE_RESULT | {"reason": text, "text": text}, RESULT[1] | {"line": number})


def check_private_result(kind, body):
    """Checks the kind and the body of a hook's private result."""
    has_failed = body.get("outcome") != "ok"
    if not (PRIVATE_FAILURE if has_failed else PRIVATE_SUCCESS)(body):
        raise Malformed("the private result has an invalid form")
    right_kind = "control" if has_failed else "trace"
    if kind != right_kind:
        raise Malformed(f"this private result has the kind {right_kind}, not {kind}")


def check_system_body(body, kind):
    """Checks the body of an entry of the relay against its type; returns the type."""
    name = body.get("type") if isinstance(body, dict) else None
    if not isinstance(name, str) or name not in SYSTEM:
        raise Malformed("the relay has no entries of this type")
    right_kind, required, optional = SYSTEM[name]
    fields(body, f"`{name}`", ("type", *required), tuple(optional))
    for field, value in body.items():
        if field != "type" and not (required | optional)[field](value) or field in optional and is_empty(value):
            raise Malformed(f"the field {field} of `{name}` has an invalid value")
    if kind != right_kind:
        raise Malformed(f"`{name}` has the kind {right_kind}, not {kind}")
    return name


def check_envelope(envelope):
    """Checks the form of an envelope by itself."""
    fields(envelope, "the envelope", ENVELOPE)
    require = {
        "v": exactly(2), "channel_id": text, "id": entry_id, "ts": time, "sender": text, "body_hash": hash_,
        "kind": lambda value: isinstance(value, str) and bool(KIND.match(value)),
        "to_slot": lambda value: value is None or slot(value),
        "to_tenure": lambda value: value is None or entry_id(value),
        "cause": lambda value: value is None or entry_id(value),
        "author": one_of("relay-attested"),
    }
    for name, test in require.items():
        if not test(envelope[name]):
            raise Malformed(f"the field {name} has an invalid value")
    sender = envelope["sender"]
    if sender != "system" and not SLOT.match(sender) and not BOT_SENDER.match(sender):
        raise Malformed(f"{sender} can not be a sender")
    if envelope["to_slot"] is not None and (envelope["kind"] != "private" or sender == "system"):
        raise Malformed("an entry for one slot alone has the kind private, and is not the relay's")
    if (envelope["to_tenure"] is not None) != (envelope["to_slot"] is not None and sender.startswith("bot:")):
        raise Malformed("to_tenure belongs to a bot's private entry, and only there")
