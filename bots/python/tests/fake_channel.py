"""A fake channel for tests of bots as plain Python, without a relay, a sandbox or waiting.

As on a relay, each hook gets a new instance of the bot, state passes through JSON, and effects count only if the hook
succeeds. The clock moves only when the test moves it.
"""

import hashlib
import importlib.util
import json
import pathlib
import secrets

PRESETS = pathlib.Path(__file__).parent.parent / "presets"
FORMULA = "sha256(text + '|' + salt)"
MAX_TIMERS = 16
MAX_HOLD_SECONDS = 24 * 3600
HOOKS_OF_PLAYERS = ("on_join", "on_ready", "on_message", "on_private_message")


def load(name):
    """Loads a preset's module by its file name."""
    spec = importlib.util.spec_from_file_location(name, PRESETS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Context:
    """The `ctx` of one hook; collects its effects."""

    def __init__(self, persisted, slots, now=1_700_000_000.0, env=None, params=None, contributors=None, hook="on_message",
                 may_hold_seats=True, may_unseal=True, relay=None):
        self.persisted = json.loads(json.dumps(persisted))  # state, seats, commitments, timers and stream
        self.hook, self.may_hold_seats, self.may_unseal = hook, may_hold_seats, may_unseal
        self.slots = [{key: value for key, value in slot.items() if key != "tenure"} for slot in slots]
        self.now = now
        self.env = dict(env or {})
        self.params = params or {}
        self.channel_id, self.bot_id, self.workspace, self.relay = "chn_1", "bot_it_0", "/nowhere", relay
        self.players = [{"slot_id": s["slot_id"], "label": s["label"], "tenure": s["tenure"], "may_post": s.get("may_post", True)}
                        for s in slots if s["kind"] == "invite" and s["filled"]]
        self.contributors = [p["slot_id"] for p in self.players] if contributors is None else contributors
        self.effects = []

    def get_state(self):
        return json.loads(self.persisted["state"])

    def set_state(self, state):
        self.persisted["state"] = json.dumps(plain_json(state), allow_nan=False)

    def post(self, kind, body):
        self.effects.append({"kind": kind, "to": None, "body": checked_body(body)})

    def dm(self, slot_id, kind, body):
        if slot_id not in [player["slot_id"] for player in self.players]:
            raise ValueError(f"no player holds slot {slot_id!r}")
        self.effects.append({"kind": kind, "to": slot_id, "body": checked_body(body)})

    def seat(self, slot_id):
        if slot_id not in self.persisted["seats"]:
            raise ValueError(f"no player holds slot {slot_id!r}")
        return self.persisted["seats"][slot_id]

    def hold_seats(self, seconds):
        assert 0 < seconds <= MAX_HOLD_SECONDS, "at most 24 hours"
        if not self.may_hold_seats:
            raise RuntimeError("only a hook that a player's message or arrival started may hold the seats")
        self.persisted["held_until"] = self.now + seconds

    def release_seats(self):
        self.persisted["held_until"] = None

    def unseal(self):
        if not self.may_unseal:
            raise RuntimeError("the bot's manifest does not have \"unseals\": true")
        self.persisted["unsealed"] += 1

    def timer(self, name, seconds):
        timers = self.persisted["timers"]
        if seconds is None:
            timers.pop(name, None)
        else:
            timers[name] = self.now + min(max(seconds, 1), 30 * 86400)
        assert len(timers) <= MAX_TIMERS, "too many timers"

    def start(self):
        if self.hook == "on_start":
            raise RuntimeError("this hook is the answer to ctx.start(); call it again in a later hook")
        if self.persisted["starting"] is None:
            self.persisted["starting"] = self.contributors

    def reveal(self):
        if self.persisted["starting"] is not None:
            raise RuntimeError("ctx.start() has not been answered yet; reveal the seed in on_start or later")
        self.persisted["stream"] = None

    def commit(self, value):
        self.persisted["committed"] += 1
        name, text = f"c{self.persisted['committed']}", json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        salt = secrets.token_hex(16)
        digest = "sha256:" + hashlib.sha256(f"{text}|{salt}".encode()).hexdigest()
        self.persisted["commitments"][name] = {"id": name, "value": plain_json(value), "text": text, "salt": salt,
                                          "commitment": digest, "formula": FORMULA}
        return {"id": name, "commitment": digest, "formula": FORMULA}

    def open(self, name):
        return self.persisted["commitments"].pop(name)


def plain_json(body):
    copy = json.loads(json.dumps(body, allow_nan=False))
    assert copy == body, "tuples, sets and keys that are not strings would not survive JSON"
    return copy


def checked_body(body):
    copy = plain_json(body)
    assert copy["type"] and copy["text"], "every post has a type for programs and a text for people"
    assert len(json.dumps(copy, ensure_ascii=False, separators=(",", ":")).encode()) <= 32 * 1024, "a post has at most 32 KiB"
    for value in copy.values():
        assert not isinstance(value, int) or abs(value) < 2**53
    return copy


class FakeChannel:
    """A channel with one bot in slot s0, and an invite slot for each label.

    After each hook it answers `ctx.start()` with `on_start`; the players in `contributors`, by default all, give randomness. With
    `is_slow` set, the answer waits for `answer_start()`, so that a test can do something in between.
    """

    def __init__(self, bot_class, *labels, env=None, contributors=None, unseals=True, relay=None, **params):
        self.unseals = unseals  # what the manifest says
        self.is_slow = False
        self.was_ready = False
        self.bot_class = bot_class
        self.params = params
        self.env = env
        self.contributors = contributors
        self.relay = relay
        self.now = 1_700_000_000.0
        self.slots = [{"slot_id": "s0", "label": "referee", "kind": "bot", "filled": True}]
        self.slots += [{"slot_id": f"s{n}", "label": label, "kind": "invite", "filled": False, "tenure": None}
                       for n, label in enumerate(labels, 1)]
        self.persisted = {"state": "{}", "seats": {}, "timers": {}, "commitments": {}, "committed": 0, "stream": None,
                          "starting": None, "held_until": None, "unsealed": 0}  # stream, starting: the slots whose randomness is in it
        self.tenures = 0
        self.log = []
        self.run_hook("on_init")

    @property
    def state(self):
        return json.loads(self.persisted["state"])

    @state.setter
    def state(self, state):
        self.persisted["state"] = json.dumps(state)

    @property
    def timers(self):
        """The running timers, with their remaining seconds."""
        return {name: due - self.now for name, due in self.persisted["timers"].items()}

    @property
    def held_seconds(self):
        """The time for which the bot still holds the seats."""
        return max(0, (self.persisted["held_until"] or 0) - self.now)

    def run_hook(self, hook, *args):
        """Runs one hook, and `on_start` if the bot has asked for it; returns the bodies that were posted."""
        posted = self.run_one_hook(hook, *args)
        return posted if self.is_slow or hook == "on_close" else posted + self.answer_start()

    def answer_start(self):
        """Runs `on_start` if the bot has called `ctx.start()`."""
        if self.persisted["starting"] is None:
            return []
        if self.persisted["stream"] is None:
            self.persisted["stream"] = self.persisted["starting"]
        self.persisted["starting"] = None
        givers = list(self.persisted["stream"])
        missing = [slot["slot_id"] for slot in self.slots
                   if slot["kind"] == "invite" and slot["filled"] and slot["slot_id"] not in givers]
        return self.run_one_hook("on_start", givers, missing)

    def fail_to_start(self):
        """Answers `ctx.start()`, but `on_start` fails: none of its effects counts."""
        assert self.persisted["starting"] is not None
        self.persisted.update(stream=self.persisted["stream"] or self.persisted["starting"], starting=None)

    def run_one_hook(self, hook, *args):
        ctx = Context(self.persisted, json.loads(json.dumps(self.slots)), self.now, self.env, self.params, self.contributors,
                      hook, hook in HOOKS_OF_PLAYERS, self.unseals, self.relay)
        bot = self.bot_class(ctx, json.loads(json.dumps(self.params)))
        method = getattr(bot, hook, None)
        if method is not None:
            method(*args)
        self.persisted = ctx.persisted
        self.log += ctx.effects
        return [effect["body"] for effect in ctx.effects]

    def join(self, *seats):
        posted = []
        for seat in seats:
            slot = self.slots[int(seat[1:])]
            if not slot["filled"]:
                self.tenures += 1
                slot.update(filled=True, tenure=self.tenures)
                self.persisted["seats"][seat] = {}
            posted += self.run_one_hook("on_join", seat)
            if not self.was_ready and all(slot["filled"] for slot in self.slots):
                self.was_ready = True
                posted += self.run_one_hook("on_ready")
            posted += [] if self.is_slow else self.answer_start()
        return posted

    def leave(self, seat, hook_fails=False):
        """A player leaves or is kicked. The seat's dict is dropped even if the hook fails."""
        self.slots[int(seat[1:])].update(filled=False, tenure=None)
        posted = [] if hook_fails else self.run_hook("on_leave", seat)
        del self.persisted["seats"][seat]
        return posted

    def close(self):
        return self.run_hook("on_close")

    def tenure_of(self, sender):
        return next((slot.get("tenure") for slot in self.slots if slot["slot_id"] == sender), None)

    def post(self, seat, text=None, kind="user", **data):
        body = dict(data) if text is None else dict(data, text=text)
        msg = {"id": 1, "channel_id": "chn_1", "sender": seat, "kind": kind, "body": body,
               "ts": "2026-01-01T00:00:00.000Z", "to_slot": None}
        tenure = self.tenure_of(seat)
        return self.run_hook("on_message", msg if tenure is None else msg | {"tenure": tenure})

    def dm_effects(self, seat, text=None, **data):
        """Sends a private message to the bot; returns its effects, each with its addressee as `to`."""
        before, body = len(self.log), dict(data) if text is None else dict(data, text=text)
        self.run_hook("on_private_message", seat, dict(body, tenure=self.tenure_of(seat)))
        return self.log[before:]

    def dm(self, seat, text="", **data):
        """Sends a private message to the bot; returns the bodies of its replies, which must all be private."""
        effects = self.dm_effects(seat, text, **data)
        assert all(effect["to"] == seat for effect in effects)
        return [effect["body"] for effect in effects]

    def advance(self, seconds):
        """Advances the clock, and fires each timer at its time."""
        end, posted = self.now + seconds, []
        while True:
            due = sorted((at, name) for name, at in self.persisted["timers"].items() if at <= end)
            if not due:
                self.now = end
                return posted
            self.now, name = due[0]
            del self.persisted["timers"][name]
            posted += self.run_hook("on_timer", name)

    def bodies(self, event):
        """Returns all bodies of one type, of posts and of private messages."""
        return [effect["body"] for effect in self.log if effect["body"]["type"] == event]

    def last(self, event):
        return self.bodies(event)[-1]


def types(bodies):
    return [body["type"] for body in bodies]
