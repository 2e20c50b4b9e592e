"""Leaves out bodies, with and without an `entry:deleted` that says so, and alters who deletes which entries, and when."""

import copy

from resealing import body_of, dump, fit_times, reseal, type_of


def mutate_deletions(name, lines, choice):
    """Leaves out and deletes entries in the genuine log, before its end, after it, and after an operator stopped it."""
    posts = [number for number, line in enumerate(lines) if line[0] == "entry" and line[1]["envelope"]["sender"] != "system"]
    for number in posts:
        yield f"{name}: content of {number} left out", dump(reseal(without_content(lines, number)))
    if name == "Deletions":
        yield from alter_genuine_deletions(name, lines)
    for number in choice.sample(posts, min(len(posts), 3)):
        for way, changed in alter_deletions(lines, number, posts, choice):
            for what, base in (("", changed), (", its content left out", without_content(changed, number, exact=lines[number]))):
                yield f"{name}: {number} {way}{what}", dump(reseal(fit_times(base)))


def without_content(lines, number, exact=None):
    """Returns the log without the content of the entry at this place, or of this line wherever it is."""
    place = number if exact is None else next(place for place, line in enumerate(lines) if line == exact)
    return [*lines[:place], ("entry", lines[place][1] | {"content": None}), *lines[place + 1:]]


def deletion(ids, by=None, time="", **envelope):
    """Returns the line of an `entry:deleted`."""
    body = {"type": "entry:deleted", "ids": ids} | ({} if by is None else {"by": by})
    envelope = {"v": 2, "channel_id": "", "id": -1, "ts": time, "sender": "system", "kind": "system", "to_slot": None, "to_tenure": None,
                "cause": None, "body_hash": "", "author": "relay-attested"} | envelope
    return ("entry", {"envelope": envelope, "content": {"salt": "00" * 32, "body": body}})


def entry_after(lines, body, **envelope):
    """Returns the line of an entry of the relay, as long as it follows the first one."""
    return ("entry", {"envelope": lines[1][1]["envelope"] | {"id": -2, "ts": ""} | envelope, "content": {"salt": "00" * 32, "body": body}})


def alter_genuine_deletions(name, lines):
    """Leaves out and alters the `entry:deleted` of the log."""
    for number, line in enumerate(lines):
        if line[0] != "entry" or type_of(line[1]) != "entry:deleted":
            continue
        yield f"{name}: deletion {number} left out", dump(reseal(lines[:number] + lines[number + 1:]))
        yield f"{name}: deletion {number} twice", dump(reseal(lines[:number + 1] + lines[number:]))
        for place in range(2, number):
            moved = [*lines[:place], line, *lines[place:number], *lines[number + 1:]]
            yield f"{name}: deletion {number} at {place}", dump(reseal(fit_times(moved)))
        for by in (None, "s0", "s1", "s2", "s3", "owner"):
            changed = copy.deepcopy(lines)
            body = body_of(changed[number][1])
            body.pop("by", None)
            body |= {} if by is None else {"by": by}
            yield f"{name}: deletion {number} by {by}", dump(reseal(changed))
        ids = body_of(line[1])["ids"]
        for way, other in (("without the last", ids[:-1]), ("in descending order", ids[::-1]), ("with the first twice", ids[:1] + ids)):
            changed = copy.deepcopy(lines)
            body_of(changed[number][1])["ids"] = other
            yield f"{name}: deletion {number} {way}", dump(reseal(changed))


def alter_deletions(lines, number, posts, choice):
    """Yields ways to delete the entry at this place."""
    entries = [place for place, line in enumerate(lines) if line[0] == "entry"]
    end, envelope = entries[-1] + 1, lines[number][1]["envelope"]
    id, author = envelope["id"], envelope["sender"] if envelope["sender"].startswith("s") else None
    other = next(slot for slot in ("s1", "s2") if slot != author)
    of_relay = choice.choice([place for place in entries if lines[place][1]["envelope"]["sender"] == "system"])
    last = lines[entries[-1]][1]["envelope"]["id"]

    def at(place, *new):
        new = [(name, entry | {"envelope": entry["envelope"] | {"channel_id": lines[0][1]["channel_id"]}}) for name, entry in new]
        return [*lines[:place], *new, *lines[place:]]

    yield "deleted by the operator at the end", at(end, deletion([id]))
    yield "deleted by its author at the end", at(end, deletion([id], author or "s1"))
    yield "deleted by another player at the end", at(end, deletion([id], other))
    yield "deleted by the bot's slot at the end", at(end, deletion([id], "s0"))
    yield "deleted by the owner at the end", at(end, deletion([id], "owner"))
    yield "deleted by an empty slot at the end", at(end, deletion([id], "s3"))
    yield "deleted twice", at(end, deletion([id]), deletion([id]))
    yield "deleted much later", at(end, deletion([id], author, time="2030-01-01T00:00:00.000Z"))
    yield "deleted with a cause", at(end, deletion([id], cause=id))
    yield "deleted by an entry of the kind trace", at(end, deletion([id], kind="trace"))
    yield "deleted by a private entry", at(end, deletion([id], to_slot="s1", kind="private"))
    yield "deleted by a player's post", at(end, deletion([id], sender=author or "s1", kind="user"))
    yield "deleted with an entry of the relay", at(end, deletion(sorted((id, lines[of_relay][1]["envelope"]["id"]))))
    yield "deleted with an entry that is not there", at(end, deletion([id, last + 9]))
    yield "deleted with the deletion itself", at(end, deletion([id, -1]))
    yield "deleted with entry 0", at(end, deletion([0, id]))
    yield "deleted with a text", at(end, deletion([id, "9"]))
    yield "deleted with null", at(end, deletion([id, None]))
    yield "deleted twice in one", at(end, deletion([id, id]))
    yield "deleted with nothing", at(end, deletion([]), deletion([id]))
    second = lines[choice.choice(posts)][1]["envelope"]["id"]
    yield "deleted with another", at(end, deletion(sorted({id, second})))
    yield "deleted with another, in descending order", at(end, deletion(sorted({id, second}, reverse=True)))
    for _ in range(4):
        place = choice.choice([*(place for place in entries if place > number), end])
        by = choice.choice((None, None, author))
        yield f"deleted by {by or 'the operator'} at {place}", at(place, deletion([id], by))
    stop = entry_after(lines, {"type": "operator:stopped"})
    for by in (None, author, other):
        place = choice.choice([place for place in entries if place > number])
        stopped = [*at(place, stop, deletion([id], by))[:place + 2], *lines[end:]]
        yield f"deleted by {by or 'the operator'}, stopped at {place}", stopped
    if author:
        leave = entry_after(lines, {"type": "member:leave", "slot_id": author, "label": author, "by": author})
        again = entry_after(lines, {"type": "new_invite_applied", "slot_id": author, "generation": 1, "by": author})
        join = entry_after(lines, {"type": "member:join", "slot_id": author, "label": author, "player": "sha256:" + "5" * 64})
        rejoin = entry_after(lines, {"type": "member:rejoin", "slot_id": author, "label": author, "player": "sha256:" + "5" * 64})
        place = next((place for place in entries if type_of(lines[place][1]) == "close_requested"), end)
        for way, new in (("left", [leave]), ("left and joined", [leave, again, join]), ("rejoined", [rejoin])):
            yield f"deleted by its author, who had {way}", [*at(place, *new, stop, deletion([id], author))[:place + len(new) + 2], *lines[end:]]
