"""A channel in miniature, to try out a bot as plain Python: no relay, no sandbox, no waiting.

A fresh instance for every hook, state only through JSON, effects that count only when the hook succeeds, and a
clock that moves when the test says so. The sandbox and the real relay have tests of their own.
"""

import hashlib
import importlib.util
import json
import pathlib
import secrets

PRESETS = pathlib.Path(__file__).parent.parent / "presets"
FORMULA = "sha256(text + '|' + salt)"
MAX_TIMERS = 16


def load(name):
    """A preset's module, by its file's name."""
    spec = importlib.util.spec_from_file_location(name, PRESETS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Context:
    """What one hook sees, and what it leaves behind."""

    def __init__(self, kept, slots, now=1_700_000_000.0, env=None, params=None, contributors=None):
        self.kept = json.loads(json.dumps(kept))  # state, commitments, timers, stream: what outlasts a hook
        self.slots = slots
        self.now = now
        self.env = dict(env or {})
        self.params = params or {}
        self.channel_id, self.bot_id, self.workspace = "chn_1", "bot_it_0", "/nowhere"
        self.players = [{"slot_id": s["slot_id"], "label": s["label"]}
                        for s in slots if s["kind"] == "invite" and s["filled"]]
        self.contributors = [p["slot_id"] for p in self.players] if contributors is None else contributors
        self.effects = []

    def get_state(self):
        return json.loads(self.kept["state"])

    def set_state(self, state):
        self.kept["state"] = json.dumps(plain_json(state), allow_nan=False)

    def post(self, kind, body):
        self.effects.append({"kind": kind, "to": None, "body": spoken(body)})

    def dm(self, slot_id, kind, body):
        if slot_id not in [player["slot_id"] for player in self.players]:
            raise ValueError(f"no player holds slot {slot_id!r}")
        self.effects.append({"kind": kind, "to": slot_id, "body": spoken(body)})

    def timer(self, name, seconds):
        timers = self.kept["timers"]
        if seconds is None:
            timers.pop(name, None)
        else:
            timers[name] = self.now + min(max(seconds, 1), 30 * 86400)
        assert len(timers) <= MAX_TIMERS, "too many timers"

    def start(self):
        if self.kept["stream"] is None:
            self.kept["stream"] = self.contributors
        return list(self.kept["stream"])

    def reveal(self):
        self.kept["stream"] = None

    def commit(self, value):
        self.kept["committed"] += 1
        name, text = f"c{self.kept['committed']}", json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        salt = secrets.token_hex(16)
        digest = "sha256:" + hashlib.sha256(f"{text}|{salt}".encode()).hexdigest()
        self.kept["commitments"][name] = {"id": name, "value": plain_json(value), "text": text, "salt": salt,
                                          "commitment": digest, "formula": FORMULA}
        return {"id": name, "commitment": digest, "formula": FORMULA}

    def open(self, name):
        return self.kept["commitments"].pop(name)


def plain_json(body):
    copy = json.loads(json.dumps(body, allow_nan=False))
    assert copy == body, "tuples, sets and keys that are no text do not survive the log"
    return copy


def spoken(body):
    copy = plain_json(body)
    assert copy["type"] and copy["text"], "every post speaks to programs and to people"
    assert len(json.dumps(copy)) < 32 * 1024, "a post has at most 32 KiB"
    for value in copy.values():
        assert not isinstance(value, int) or abs(value) < 2**53
    return copy


class Table:
    """A channel with one bot: `bot_class` on slot s0, and an invite slot for each label."""

    def __init__(self, bot_class, *labels, env=None, contributors=None, **params):
        self.bot_class = bot_class
        self.params = params
        self.env = env
        self.contributors = contributors
        self.now = 1_700_000_000.0
        self.slots = [{"slot_id": "s0", "label": "referee", "kind": "bot", "filled": True}]
        self.slots += [{"slot_id": f"s{n}", "label": label, "kind": "invite", "filled": False}
                       for n, label in enumerate(labels, 1)]
        self.kept = {"state": "{}", "timers": {}, "commitments": {}, "committed": 0, "stream": None}
        self.log = []
        self.hook("on_init")

    @property
    def state(self):
        return json.loads(self.kept["state"])

    @state.setter
    def state(self, state):
        self.kept["state"] = json.dumps(state)

    @property
    def timers(self):
        """The timers that run, with the seconds that each still has."""
        return {name: due - self.now for name, due in self.kept["timers"].items()}

    def hook(self, hook, *args):
        """Runs one hook and returns what it posted."""
        ctx = Context(self.kept, json.loads(json.dumps(self.slots)), self.now, self.env, self.params, self.contributors)
        bot = self.bot_class(ctx, json.loads(json.dumps(self.params)))
        method = getattr(bot, hook, None)
        if method is not None:
            method(*args)
        self.kept = ctx.kept
        self.log += ctx.effects
        return [effect["body"] for effect in ctx.effects]

    def join(self, *seats):
        posted = []
        for seat in seats:
            self.slots[int(seat[1:])]["filled"] = True
            posted += self.hook("on_join", seat)
        return posted

    def leave(self, seat):
        self.slots[int(seat[1:])]["filled"] = False
        return self.hook("on_leave", seat)

    def say(self, seat, text=None, kind="user", **data):
        body = dict(data) if text is None else dict(data, text=text)
        return self.hook("on_message", {"id": 1, "channel_id": "chn_1", "sender": seat, "kind": kind,
                                        "body": body, "ts": "2026-01-01T00:00:00.000Z", "to_slot": None})

    def whisper(self, seat, text):
        """A private message to the bot; returns all effects, with whom they are for."""
        before = len(self.log)
        self.hook("on_private_message", seat, {"text": text})
        return self.log[before:]

    def dm(self, seat, text):
        """What the bot answers in private; it may post nothing in public."""
        effects = self.whisper(seat, text)
        assert all(effect["to"] == seat for effect in effects)
        return [effect["body"] for effect in effects]

    def wait(self, seconds):
        """Lets time go by: fires each timer that is due, in order, at its time."""
        end, posted = self.now + seconds, []
        while True:
            due = sorted((at, name) for name, at in self.kept["timers"].items() if at <= end)
            if not due:
                self.now = end
                return posted
            self.now, name = due[0]
            del self.kept["timers"][name]
            posted += self.hook("on_timer", name)

    def events(self, event):
        """All bodies of one type that were posted or sent."""
        return [effect["body"] for effect in self.log if effect["body"]["type"] == event]

    def last(self, event):
        return self.events(event)[-1]


def types(bodies):
    return [body["type"] for body in bodies]
