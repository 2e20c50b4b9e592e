"""Alters receipts without regard to their meaning: values, lines, spelling, and the order of entries."""

import copy
import json

from altered_hooks import RESERVED
from resealing import body_of, dump, fit_times, reseal, type_of


# Changes of one value.

def paths_of(value, here=()):
    """Yields the path of every value in a value."""
    yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        yield from paths_of(each, (*here, name))


def replaced(value, choice):
    """Returns another value, or None if there is none of this sort."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + choice.choice((-1, 1))
    if isinstance(value, str) and value:
        at = choice.randrange(len(value))
        old = value[at]
        new = choice.choice([c for c in ("0123456789abcdef" if old in "0123456789abcdef" else "xyZ") if c != old])
        return choice.choice((value[:at] + new + value[at + 1:], value[:at] + value[at + 1:], value + new))
    if isinstance(value, list):
        return choice.choice((value + value[-1:], value[1:], value[::-1]))
    return {"text": "hello"} if value is None else None


def change(root, path, choice):
    """Changes the value at `path` in a copy of `root` in a random way; returns the copy, and in which way."""
    root = copy.deepcopy(root)
    holder = root
    for name in path[:-1]:
        holder = holder[name]
    at, value = path[-1], holder[path[-1]]
    ways = ["change"] * 3 + ["null", "drop", "other type"] + (["add"] if isinstance(value, dict) else [])
    way = choice.choice(ways)
    if way == "change":
        holder[at] = replaced(value, choice)
    elif way == "null":
        holder[at] = None
    elif way == "drop":
        del holder[at]
    elif way == "add":
        value["more"] = choice.choice((1, None, "x"))
    else:
        holder[at] = choice.choice((7, "7", True, [], {}, 1.5, -1))
    return root, way


def place_of(line, path):
    """Returns what kind of place a path is, such as `entry bot:ran content.body.timers.0.n`."""
    name, value = line
    kind = f" {type_of(value)}" if name == "entry" else ""
    return name + kind + " " + ".".join("0" if isinstance(part, int) else part for part in path)


def mutate_values(name, lines, choice, seen):
    """Changes a value at each kind of place that is not in `seen`, as it is and resealed."""
    places = {}
    for number, line in enumerate(lines):
        for path in paths_of(line[1]):
            if path and not (line[0] in ("bot", "exchange") and len(path) > 4):
                places.setdefault(place_of(line, path), []).append((number, path))
    for place, found in places.items():
        is_post = place.startswith(("entry bot ", "entry bot:private ", "entry player"))
        if is_post and place.count(".") > 2 or seen[place]:
            continue
        seen[place] += 1
        number, path = choice.choice(found)
        value, way = change(lines[number][1], path, choice)
        changed = [*lines[:number], (lines[number][0], value), *lines[number + 1:]]
        yield f"{name}: {way} {place}", dump(changed)
        value, way = change(lines[number][1], path, choice)
        changed = [*lines[:number], (lines[number][0], value), *lines[number + 1:]]
        try:
            yield f"{name}: {way} {place}, resealed", dump(reseal(changed, renumber=False))
        except (KeyError, TypeError, AttributeError):
            pass  # too broken to be resealed


# Changes of lines and bytes.

def mutate_lines(name, lines, choice):
    for _ in range(2):
        one, other = sorted(choice.sample(range(len(lines)), 2))
        swapped = list(lines)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        for way, changed in (("remove", lines[:one] + lines[one + 1:]), ("duplicate", lines[:one + 1] + lines[one:]),
                             ("swap", swapped), ("cut off after", lines[:other])):
            yield f"{name}: {way} line {one}", dump(changed)
    first_bot = next(number for number, line in enumerate(lines) if line[0] == "bot")
    for number in [0, *range(first_bot, len(lines))]:
        yield f"{name}: remove line {number}", dump(lines[:number] + lines[number + 1:])
        yield f"{name}: duplicate line {number}", dump(lines[:number + 1] + lines[number:])
    data = dump(lines)
    for _ in range(4):
        at = choice.randrange(len(data))
        yield f"{name}: cut off in byte {at}", data[:at]
        yield f"{name}: flip a bit of byte {at}", data[:at] + bytes([data[at] ^ 1 << choice.randrange(8)]) + data[at + 1:]
    for way, at, text in (("an empty line", -1, ""), ("a line without a field", 1, "{}"), ("no JSON", 1, "{"),
                          ("an unknown line", -1, '{"more":1}'), ("a line with two fields", 0, None), ("no newline", None, None),
                          ("a name twice", 0, None)):
        changed = list(lines)
        written = dump([lines[0]]).decode()[:-1]
        if text is not None:
            changed.insert(at, text)
        elif way == "a line with two fields":
            changed[0] = written[:-1] + ',"more":1}'
        elif way == "a name twice":
            changed[0] = written.replace('"holder":', '"holder":"x","holder":')
        yield f"{name}: {way}", dump(changed)[:None if at is not None else -1]


def mutate_spelling(name, lines, choice):
    """Writes the same JSON in another way, or in one that is no JSON."""
    written = [dump([line]).decode()[:-1] for line in lines]
    number = choice.choice([number for number, line in enumerate(lines) if line[0] == "entry"])
    line = written[number]
    for way, other in {
        "spaces": line.replace('":', '" : '), "a space before": " " + line, "a tab after": line + "\t", "a return after": line + "\r",
        "an escape": line.replace('"salt"', '"\\u0073alt"'),
        "a name twice in the body": line.replace('"body":{', '"body":{"text":1,"text":1,'),
        "a name twice in the envelope": line.replace('"v":2', '"v":2,"v":2'),
        "a name twice in the content": line.replace('"salt":', '"salt":"","salt":'),
        "a fraction": line.replace('"v":2', '"v":2.0'), "an exponent": line.replace('"v":2', '"v":2e0'),
        "a zero": line.replace('"v":2', '"v":02'),
        "a sign": line.replace('"v":2', '"v":+2'), "a comment": line + "//", "a comma": line[:-1] + ",}", "quotes": line.replace('"', "'"),
        "upper case": line.replace("sha256:", "SHA256:"), "a byte order mark": "\ufeff" + line,
        "a lone surrogate": line.replace('"body":{', '"body":{"x":"\\ud800",'),
    }.items():
        yield f"{name}: {way} in line {number}", dump([*written[:number], other, *written[number + 1:]])
    yield f"{name}: a byte order mark", b"\xef\xbb\xbf" + dump(lines)
    yield f"{name}: not UTF-8", dump(lines).replace(b'"holder":"', b'"holder":"\xff')
    posts = [number for number, line in enumerate(lines) if line[0] == "entry" and type_of(line[1]) == "player" and line[1]["content"]]
    if not posts:
        return
    number = posts[0]
    deep = {}
    for _ in range(31):
        deep = {"a": deep}
    values = (2**53 - 1, 2**53, -2**53, 0.1, 1e-7, -0.0, 1e20, 1e21, 1.5e300, 5e-324, 123456.75, "\0\b\x1f\x7f\u2028\U0001f600", "\u202e",
              {"\U0001f600": 1, "\ufb33": 2, "": 3}, [[]], None, True,
              deep["a"], deep, {"a": deep}, innermost(deep, 1), innermost(deep["a"], 1))
    for value in values:
        changed = copy.deepcopy(lines)
        changed[number][1]["content"]["body"] = {"text": value}
        yield f"{name}: a post of {json.dumps(value)}", dump(reseal(changed))


def innermost(deep, value):
    """Returns nested objects with `value` in the innermost one."""
    return {"a": innermost(deep["a"], value)} if deep else {"a": value}


# Changes of the log.

def mutate_log(name, lines, choice):
    """Removes, repeats, swaps and invents entries, and makes everything else fit."""
    places = [number for number, line in enumerate(lines) if line[0] == "entry"]
    yield f"{name}: only resealed", dump(reseal(lines))
    for number in choice.sample(places, len(places) // 2):
        way = choice.choice(("remove", "repeat", "swap", "cut", "repeat elsewhere"))
        other = choice.choice(places)
        changed = list(lines)
        if way == "remove":
            del changed[number]
        elif way == "repeat":
            changed.insert(number, changed[number])
        elif way == "swap":
            changed[number], changed[other] = changed[other], changed[number]
        elif way == "cut":
            del changed[number:places[-1] + 1]
        else:
            changed.insert(other, changed[number])
        yield f"{name}: {way} {type_of(lines[number][1])} {number} {other}, resealed", dump(reseal(fit_times(changed)))
    for number in places:
        if lines[number][1]["envelope"]["to_slot"] is None:
            continue
        hidden = list(lines)
        hidden[number] = ("entry", lines[number][1] | {"content": None})
        yield f"{name}: content of private entry {number} left out", dump(hidden)
        yield f"{name}: content of private entry {number} left out, resealed", dump(reseal(hidden))
    for number, place in invented(lines, places, choice):
        changed = list(lines)
        changed.insert(number, ("entry", place))
        yield f"{name}: invent {type_of(place)} at {number} {json.dumps(body_of(place))}", dump(reseal(fit_times(changed)))


def invented(lines, places, choice):
    """Yields places and entries that could be there."""
    entries = [lines[number][1] for number in places]
    bot_id = next(value["bot_id"] for name, value in lines if name == "bot")
    hash_ = "sha256:" + "5" * 64
    attached = body_of(next(entry for entry in entries if type_of(entry) == "bot:attach"))
    runtime = {"type": "bot:runtime"} | {name: attached[name] for name in ("bot_id", "runtime", "sandbox", "egress_hash")}
    for body in ({"type": "member:leave", "slot_id": "s1", "label": "alice", "by": "s1"},
                 {"type": "member:leave", "slot_id": "s2", "label": "bob", "by": "s2"},
                 {"type": "member:leave", "slot_id": "s2", "label": "bob", "by": "s1"},
                 {"type": "member:kick", "slot_id": "s2", "label": "bob", "by": "s1"},
                 {"type": "member:kick", "slot_id": "s1", "label": "alice", "by": "s2"},
                 {"type": "member:rejoin", "slot_id": "s2", "label": "bob", "player": hash_},
                 {"type": "member:join", "slot_id": "s2", "label": "bob", "player": hash_},
                 {"type": "rename_applied", "name": "Another", "by": "s1"},
                 {"type": "rename_applied", "name": "Another", "by": "s2"},
                 {"type": "rename_applied", "name": "Another", "by": "owner"},
                 {"type": "set_admin_applied", "slot_id": "s2", "admin": True, "by": "s1"},
                 {"type": "close_slot_applied", "slot_id": "s2", "by": "s1"},
                 {"type": "new_invite_applied", "slot_id": "s2", "generation": 1, "by": "s1"},
                 {"type": "yield_slot_applied", "slot_id": "s2", "to": "invite", "by": "s1"},
                 {"type": "terms:accepted", "slot_id": "s1", "terms_hash": hash_},
                 {"type": "bot:detach", "bot_id": bot_id, "slot_id": "s0", "reason": "replaced", "by": "s1"},
                 {"type": "bot:detach", "bot_id": bot_id, "slot_id": "s0", "reason": "on_init failed"},
                 {"type": "close_requested", "by": "s1"}, {"type": "close_requested", "by": "s2"}, {"type": "close_requested"},
                 {"type": "close_applied"}, {"type": "operator:stopped"},
                 {"type": "seats:held", "bot_id": bot_id, "until": "2026-11-29T08:00:00.000Z"},
                 {"type": "seats:released", "bot_id": bot_id},
                 {"type": "bots_announced", "bots": []},
                 {"type": "dm:unsealed", "bot_id": bot_id},
                 runtime, runtime | {"egress_hash": hash_}, {name: value for name, value in runtime.items() if name != "egress_hash"},
                 runtime | {"runtime": runtime["runtime"] | {"memory_bytes": 1}}, runtime | {"runtime": {}},
                 {"type": "timer", "bot_id": bot_id, "n": 1, "set_by": 2},
                 {"type": "text", "text": "hello"}, {"type": "bot:reveal"}, *({"type": name} for name in RESERVED)):
        number = choice.choice([*places[4:], places[-1] + 1])
        model = entries[min(number, len(entries)) - 1]
        is_post = body.keys() <= {"type", "text"} and body["type"] not in ("close_requested", "operator:stopped")
        is_post = is_post and (body["type"] != "close_applied" or choice.random() < 0.5)
        sender = choice.choice(("s1", "s2", "s3", f"bot:{bot_id}")) if is_post else "system"
        kind = "user" if is_post else "trace" if body["type"] == "timer" else "system"
        to_slot = attached["slot_id"] if is_post and sender.startswith("s") and choice.random() < 0.3 else None
        envelope = model["envelope"] | {"id": -number, "sender": sender, "kind": "private" if to_slot else kind,
                                        "to_slot": to_slot, "to_tenure": None, "cause": None}
        yield number, {"envelope": envelope, "content": {"salt": "00" * 32, "body": body}}
