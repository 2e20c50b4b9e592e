"""Alters what receipts say of the hooks that ran."""

from resealing import body_of, dump, fit_times, hooks_of, reseal

RESERVED = ("bot:result", "bot:ran", "dm:unsealed", "entry:deleted", "entropy:requested", "entropy:revealed", "seat:key", "close_applied")
UNDELIVERED = ([0], [1], [1, 0], [7])
DRAWN = [{"epoch": 0, "from": 0, "open": False, "to": 8}]
REASONS = ("depth", "stale", "budget", "closing", "unavailable")
TIMERS = ([{"n": 1, "after_ms": 1000}], [{"n": 1}], [{"n": 2, "after_ms": 60000}], [{"n": 1, "after_ms": 2000}, {"n": 1}],
          [{"n": 1, "after_ms": 999}], [{"n": 1, "after_ms": 30 * 86400 * 1000 + 1}], [])


def mutate_hooks(name, lines, choice):
    """Removes, repeats, swaps, fails and skips whole hooks, and alters what they did."""
    hooks = hooks_of(lines)
    for hook in hooks:
        start, end = hook[0], hook[-1] + 1
        ran, entries = lines[hook[-1]][1], [lines[number] for number in hook]
        body = body_of(ran)
        if body["type"] != "bot:ran":
            continue
        other = choice.choice(hooks)
        about = {field: body[field] for field in ("bot_id", "trigger", "step", "hook")}

        def of_relay(body, kind="trace", ran=ran):
            return ("entry", {"envelope": ran["envelope"] | {"kind": kind}, "content": ran["content"] | {"body": body}})

        def result(more, ran=ran, body=body):
            changed = {name: value for name, value in (body | more).items() if value is not None}
            return ("entry", {"envelope": ran["envelope"], "content": ran["content"] | {"body": changed}})

        error = of_relay({"type": "bot:error", "bot_id": body["bot_id"], "hook": body["hook"], "reason": "x", "text": "x"}, "control")
        skips = [of_relay({"type": "bot:skipped", "reason": reason} | about) for reason in REASONS]
        failure = {"type": "bot:ran", "result": {"outcome": choice.choice(("error", "timeout", "died", "refused"))}} | about
        ways = {
            "removed": lambda: lines[:start] + lines[end:],
            "repeated": lambda: lines[:end] + lines[start:],
            "moved": lambda: move(lines, start, end, other[0]),
            "failed": lambda: lines[:start] + [error, of_relay(failure | {"effects": 1})] + lines[end:],
            "failed without a bot:error": lambda: lines[:start] + [of_relay(failure | {"effects": 0})] + lines[end:],
            "skipped": lambda: lines[:start] + [choice.choice(skips)] + lines[end:],
            "done without effects": lambda: lines[:start] + [result({"effects": 0})] + lines[end:],
            "with an effect twice": lambda: lines[:start + 1] + lines[start:end - 1] + [result({"effects": len(hook)})] + lines[end:],
            "with other timers": lambda: lines[:end - 1] + [result({"timers": choice.choice(TIMERS)})] + lines[end:],
            "with undelivered effects": lambda: lines[:end - 1] + [result({
                "result": {"outcome": "ok", "undelivered": choice.choice(UNDELIVERED)}})] + lines[end:],
            "with a post of a reserved type": lambda: (lines[:start] + [("entry", {
                "envelope": ran["envelope"] | {"sender": f"bot:{body['bot_id']}", "kind": "bot"},
                "content": ran["content"] | {"body": {"type": choice.choice(RESERVED)}}}), *lines[start:end - 1]] +
                [result({"effects": len(hook)})] + lines[end:]),
            "with its DMs unsealed": lambda: (
                lines[:end - 1] + [of_relay({"type": "dm:unsealed", "bot_id": body["bot_id"]}, "system"), result({"effects": len(hook)})] + lines[end:]),
            "without its result": lambda: lines[:end - 1] + [result({"result": None})] + lines[end:],
            "with a drawing": lambda: lines[:end - 1] + [result({"drawn": DRAWN})] + lines[end:],
            "of another bot": lambda: lines[:end - 1] + [result({"bot_id": "bot_Another_1"})] + lines[end:],
            "with its entries reversed": lambda: lines[:start] + entries[-2::-1] + entries[-1:] + lines[end:],
            "in reverse": lambda: lines[:start] + entries[::-1] + lines[end:],
        }
        for way in choice.sample(list(ways), 3):
            yield f"{name}: {body['hook']} at {start} {way}", dump(reseal(fit_times(ways[way]())))


def move(lines, start, end, to):
    moved, rest = lines[start:end], lines[:start] + lines[end:]
    to -= (end - start) if to >= end else 0
    return rest[:to] + moved + rest[to:]
