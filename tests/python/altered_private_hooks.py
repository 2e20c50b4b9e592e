"""Alters what receipts say of hooks that DMs started: their private results, their traffic, and what is public of them."""

from altered_channels import OTHER_HASH, never_unsealed
from altered_hooks import DRAWN, RESERVED
from resealing import body_of, dump, fit_times, hooks_of, reseal, tagged_hash, type_of

OK = {"type": "bot:result", "outcome": "ok"}
FAILED = {"type": "bot:result", "outcome": "timeout", "reason": "x", "text": "x"}
RELAYED = {"sender": "system", "to_slot": None, "to_tenure": None}
TRAFFIC = {"record_hash": OTHER_HASH, "hosts": ["example.org"]}


class PrivateHook:
    """A hook in a receipt that a DM started."""

    def __init__(self, lines, places):
        self.lines, self.start, self.end = lines, places[0], places[-1] + 1
        self.effects = lines[self.start:self.end - 1]
        self.ran, self.sent = lines[self.end - 1][1], self.effects[-1][1]
        self.player = self.sent["envelope"]["to_slot"]
        joins = (value for line, value in lines if line == "entry" and type_of(value) == "member:join")
        join = next(each for each in joins if body_of(each)["slot_id"] != self.player)
        self.to_another = {"to_slot": body_of(join)["slot_id"], "to_tenure": join["envelope"]["id"]}

    def with_effects(self, *effects, **more):
        """Returns the receipt in which the hook has these effects, and its `bot:ran` these fields."""
        body = body_of(self.ran) | {"effects": len(effects)} | more
        ran = ("entry", self.ran | {"content": self.ran["content"] | {"body": body}})
        return [*self.lines[:self.start], *effects, ran, *self.lines[self.end:]]

    def with_result(self, kind, body, **more):
        """Returns the receipt in which the hook ends with this private result."""
        return self.with_effects(*self.effects[:-1], self.dm(kind, body), **more)

    def dm(self, kind, body, **envelope):
        return self.entry({"kind": kind, "body": body}, **envelope)

    def entry(self, body, **envelope):
        return ("entry", {"envelope": self.sent["envelope"] | envelope, "content": self.sent["content"] | {"body": body}})


def mutate_private_hooks(name, lines, choice):
    for places in hooks_of(lines):
        body = body_of(lines[places[-1]][1])
        if body["type"] != "bot:ran" or body["hook"] != "on_private_message":
            continue
        hook = PrivateHook(lines, places)
        for alter in (alter_effects, alter_results, alter_traffic, alter_tenure):
            for way, changed in alter(hook, choice):
                yield f"{name}: DM at {hook.start} {way}", dump(reseal(fit_times(changed)))
                # Whoever may not read the last DM sees nothing of what it says.
                last = next((number for number in range(len(changed) - 1, hook.start - 1, -1)
                             if changed[number][0] == "entry" and changed[number][1]["envelope"]["cause"] == body["trigger"]
                             and changed[number][1]["envelope"]["to_slot"]), None)
                if last is not None:
                    hidden = [*changed[:last], ("entry", changed[last][1] | {"content": None}), *changed[last + 1:]]
                    yield f"{name}: DM at {hook.start} {way}, content of {last} left out", dump(reseal(fit_times(never_unsealed(hidden))))


def alter_effects(hook, choice):
    """Lets the hook have other effects, or its private result in another place."""
    *effects, result = hook.effects
    about = {"bot_id": body_of(hook.ran)["bot_id"], "hook": "on_private_message"}
    error = hook.entry({"type": "bot:error", "reason": "x", "text": "x"} | about, kind="control", **RELAYED)
    failure = hook.dm("control", FAILED)
    yield from {
        "without its private result": hook.with_effects(*effects),
        "without any effect": hook.with_effects(),
        "with two private results": hook.with_effects(*effects, result, result),
        "with its private result first": hook.with_effects(result, *effects),
        "with its private result for another player": hook.with_effects(*effects, hook.dm("trace", OK, **hook.to_another)),
        "with its private result for everybody": hook.with_effects(*effects, hook.entry(OK, kind="bot", to_slot=None, to_tenure=None)),
        "with its private result by the relay": hook.with_effects(*effects, hook.entry(OK, kind="trace", **RELAYED)),
        "with another last effect": hook.with_effects(*effects, result, hook.dm("bot", {"text": "x"})),
        "with a DM of the kind trace": hook.with_effects(hook.dm("trace", {"text": "x"}), result),
        "with a DM of the kind control": hook.with_effects(hook.dm("control", {"text": "x"}), result),
        "with a DM of the type bot:result": hook.with_effects(hook.dm("bot", OK), result),
        "with a DM of a reserved type": hook.with_effects(hook.dm("bot", {"type": choice.choice(RESERVED)}), result),
        "failed with another effect": hook.with_effects(hook.dm("bot", {"text": "x"}), failure),
        "failed with a bot:error": hook.with_effects(error),
        "failed with a bot:error and a private result": hook.with_effects(error, failure),
        "failed with a timer": hook.with_effects(failure, timers=[{"n": 1, "after_ms": 2000}]),
        "failed with a drawing": hook.with_effects(failure, drawn=DRAWN),
        "with a public result": hook.with_effects(*effects, result, result={"outcome": "ok"}),
        "with a public result only": hook.with_effects(*effects, result={"outcome": "ok"}),
        "with a null result": hook.with_effects(*effects, result, result=None),
    }.items()


def alter_results(hook, choice):
    """Lets the private result say something else."""
    total = len(hook.effects)
    results = {
        "ended with ok": ("trace", OK), "ended with ok of the kind control": ("control", OK), "ended with ok of the kind bot": ("bot", OK),
        "ended with nothing": ("trace", {}), "ended with ok and a text": ("trace", OK | {"text": "x"}),
        "ended with ok and a line": ("trace", OK | {"line": 3}), "ended with an unknown field": ("trace", OK | {"more": 1}),
        "with traffic of nothing": ("trace", OK | {"exchanged": None}),
        "with secret traffic": ("trace", OK | {"exchanged": TRAFFIC | {"sealed": True}}),
        "with traffic that is not secret": ("trace", OK | {"exchanged": TRAFFIC | {"sealed": False}}),
        **{f"with the undelivered effect {place}": ("trace", OK | {"undelivered": [place]}) for place in (0, total - 1, total, total + 1)},
    }
    failures = {
        "failed": ("control", FAILED), **{f"failed with line {line!r}": ("control", FAILED | {"line": line}) for line in (0, 1, -1, "1", None)},
        "failed after traffic": ("control", FAILED | {"exchanged": TRAFFIC}), "failed of the kind trace": ("trace", FAILED),
        "failed with an unknown outcome": ("control", FAILED | {"outcome": "lost"}),
        "failed with undelivered effects": ("control", FAILED | {"undelivered": [0]}),
        **{f"failed without {name}": ("control", {field: value for field, value in FAILED.items() if field != name}) for name in FAILED},
    }
    for way, (kind, body) in results.items():
        yield way, hook.with_result(kind, body)
    for way, (kind, body) in failures.items():
        yield way, hook.with_effects(hook.dm(kind, body))


def alter_traffic(hook, choice):
    """Lets the hook have exchanged something, and the file contain it or not."""
    record, salt, body = '[{"ask":1,"answer":2}]', "11" * 32, body_of(hook.ran)
    record_hash = tagged_hash("mcp-multiplayer/record/v2", bytes.fromhex(salt), record.encode()).hex()
    exchange = {"bot_id": body["bot_id"], "trigger": body["trigger"], "step": 0, "salt": salt, "record": record}
    changed = hook.with_result("trace", OK | {"exchanged": {"record_hash": f"sha256:{record_hash}", "hosts": ["example.org"]}})
    yield "with traffic that is missing", changed
    for way, changes in (("with traffic", {}), ("with traffic of another step", {"step": 1}), ("with other traffic", {"record": "[]"})):
        yield way, [*changed[:-1], ("exchange", exchange | changes), changed[-1]]
    yield "with traffic that no result mentions", [*hook.lines[:-1], ("exchange", exchange), hook.lines[-1]]


def alter_tenure(hook, choice):
    """Lets the player leave before the hook's entries are appended."""
    body = {"type": "member:leave", "slot_id": hook.player, "label": hook.player, "by": hook.player}
    leave = hook.entry(body, id=-1, kind="system", cause=None, **RELAYED)
    others = [line for line in hook.effects if line[1]["envelope"]["to_slot"] != hook.player]
    for way, changed in {
        "with its private result": hook.lines, "without its private result": hook.with_effects(*hook.effects[:-1]),
        "without DMs to the player": hook.with_effects(*others),
        "with a public result": hook.with_effects(*others, result={"outcome": "ok"}),
        "with a result for another player": hook.with_effects(*others, hook.dm("trace", OK, **hook.to_another)),
    }.items():
        yield f"of a player who left, {way}", [*changed[:hook.start], leave, *changed[hook.start:]]
