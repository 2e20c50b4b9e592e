"""Tests of bots in the test's own process: `Channel` runs a bot's hooks as a relay does, without a relay.

The hooks run by the code that runs them on a relay: the policy, `ctx` with its limits, the keystream, the clock. Only the relay's
part is done here: which hook an entry starts, and what a hook's effects become. There is no sandbox, no limit of time
or memory, and no network. `docs/BOTS.md` has an example.
"""

import _ssl
import datetime
import hashlib
import hmac
import importlib
import json
import linecache
import os
import pathlib
import random
import secrets
import shutil
import socket
import ssl
import tempfile
import time
import uuid
import weakref
from dataclasses import dataclass

from multiplayer import clock, facades, modules, names, network, stream
from multiplayer.policy import Rejected
from multiplayer.program import Program
from multiplayer.values import to_json
from multiplayer.worker import Output, Worker

# Values of a body's `type` that only the relay may use; protocol/src/event/mod.rs declares them.
RESERVED_TYPES = """
    channel:created bots_announced bot:attach bot:manifest bot:detach bot:ran bot:skipped bot:runtime bot:error
    member:join member:rejoin member:leave member:kick terms:accepted dm:unsealed entropy:open seed:reveal timer
    seats:held seats:released rename_applied set_admin_applied yield_slot_applied new_invite_applied
    close_slot_applied close_requested close_applied operator:stopped entry:deleted bot:result entropy:requested
    entropy:revealed seat:key
""".split()

# Those of a relay; bots/supervisor/src/limits.rs declares them.
LIMITS = {"posts": 100, "body_bytes": 32 << 10, "post_bytes": 1 << 20, "state_bytes": 1 << 20, "log_bytes": 16 << 10,
          "kept_bytes": 256 << 10, "hook_ms": 5000}
_MAX_TIMERS = 16
_MAX_OTHER_EFFECTS = 64
_START_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z, as in `mcp-multiplayer-bot play`
_NO_NETWORK = {"failed": {"kind": "refused", "message": "a test of a bot has no network"}}


class HookFailed(Exception):
    """A hook failed: it raised an exception, which is the `__cause__`, or a relay would refuse its effects.

    None of its effects counts. On a relay, players see a `bot:error`, and the bot goes on with the next entry.
    """

    def __init__(self, hook, reason, message=None, line=None):
        place = f" (line {line})" if line else ""
        super().__init__(f"{hook}: {reason}" + (f": {message}" if message else "") + place)
        self.hook, self.reason, self.message, self.line = hook, reason, message, line


@dataclass(frozen=True)
class Message:
    """A post of the bot, or, with `to`, its private message to the player in that slot."""

    kind: str
    body: dict
    to: str | None = None

    @property
    def text(self):
        return self.body.get("text")


class Channel:
    """A channel with one bot and a slot for each player. The slots start empty.

    `bot` is the path of its source. The methods take a player's name or slot id (`s1` is the first), and return the messages that
    the bot sent in answer. They raise `HookFailed` if the hook failed, and `Rejected` if a relay would not take the source.
    """

    def __init__(self, bot, players=("alice", "bob"), params=None, env=None, name="", seed=0, relay=None):
        self.now = _START_MS / 1000
        self.messages = []
        self._params, self._env, self._relay = dict(params or {}), dict(env or {}), relay
        self._seed = hashlib.sha256(f"multiplayer.testing/{seed}".encode()).digest()
        self._slots = {f"s{number}": {"label": label, "tenure": None} for number, label in enumerate(players, 1)}
        self._state = self._kept = None
        self._seats = {}  # slot id -> dict, of the current tenures
        self._timers = {}  # name -> (due in ms, number)
        self._timers_set = 0
        self._stream = {"epoch": 0, "open": None, "starting": None, "position": 0}
        self._was_ready = False
        self._closed = False
        source = pathlib.Path(bot).read_text(encoding="utf-8")
        workspace = tempfile.mkdtemp(prefix="multiplayer-")
        weakref.finalize(self, shutil.rmtree, workspace, ignore_errors=True)
        self._worker = _InProcessWorker(workspace, source)
        inspected = self._worker.load(name, source, self._params)
        self.channel_id, self.bot_id = "chn_test", f"bot_{name or inspected['class_name']}_0"
        self._hooks = inspected["hooks"]
        self._entries = 3  # after channel:created, bot:attach and bot:manifest
        self._run("on_init")
        self._answer_start()

    # What players do

    def join(self, *players):
        """Seats players in empty slots."""
        self._check_open()
        sent = []
        for player in players:
            slot_id = self._slot(player)
            if self._slots[slot_id]["tenure"] is not None:
                raise ValueError(f"{player} is already seated")
            self._slots[slot_id]["tenure"] = self._next_entry()
            sent += self._run("on_join", slot_id, may_hold_seats=True)
            if not self._was_ready and all(slot["tenure"] is not None for slot in self._slots.values()):
                self._was_ready = True
                sent += self._run("on_ready", may_hold_seats=True)
            sent += self._answer_start()
        return sent

    def leave(self, player):
        """Has a player give up the seat; what the bot kept in `ctx.seat` goes with it."""
        self._check_open()
        slot_id = self._seated(player)
        self._slots[slot_id]["tenure"] = None
        self._next_entry()
        try:
            sent = self._run("on_leave", slot_id, leaving=slot_id)
        finally:
            self._seats.pop(slot_id, None)
        return sent + self._answer_start()

    def post(self, player, text, data=None, kind="user"):
        """Posts a message to everybody: `post_message(body=text, data=data)`."""
        self._check_open()
        slot_id = self._seated(player)
        entry, slot = self._next_entry(), self._slots[slot_id]
        moment = datetime.datetime.fromtimestamp(self.now, datetime.timezone.utc)
        message = {"id": entry, "channel_id": self.channel_id, "sender": slot_id, "sender_label": slot["label"], "kind": kind,
                   "body": _body(text, data), "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                   "to_slot": None, "tenure": slot["tenure"]}
        return self._run("on_message", message, may_hold_seats=True) + self._answer_start()

    def dm(self, player, text, data=None):
        """Sends the bot a private message: `dm_bot(message=text, data=data)`."""
        self._check_open()
        slot_id = self._seated(player)
        self._next_entry()
        message = _body(text, data) | {"tenure": self._slots[slot_id]["tenure"]}
        return self._run("on_private_message", slot_id, message, may_hold_seats=True) + self._answer_start()

    def advance(self, seconds):
        """Lets time pass, and fires each timer that becomes due at its time."""
        self._check_open()
        sent, end = [], self._now_ms() + round(seconds * 1000)
        while self._timers:
            (due, _), name = min((timer, name) for name, timer in self._timers.items())
            if due > end:
                break
            self.now = max(self.now, due / 1000)
            del self._timers[name]
            self._next_entry()
            sent += self._run("on_timer", name) + self._answer_start()
        self.now = end / 1000
        return sent

    def close(self):
        """Closes the channel; `on_close` is the bot's last hook."""
        self._check_open()
        self._closed = True
        self._timers.clear()
        self._next_entry()
        return self._run("on_close")

    # What the bot did

    @property
    def posts(self):
        """The bot's posts so far."""
        return [message for message in self.messages if message.to is None]

    def dms(self, player):
        """The bot's private messages so far to the player in a slot."""
        slot_id = self._slot(player)
        return [message for message in self.messages if message.to == slot_id]

    @property
    def state(self):
        """A copy of the state that the bot last set."""
        return {} if self._state is None else json.loads(self._state)

    @state.setter
    def state(self, state):
        self._state = to_json(state, "state")

    def seat(self, player):
        """A copy of what the bot keeps about a player with `ctx.seat`."""
        return json.loads(json.dumps(self._seats.get(self._slot(player), {})))

    @property
    def timers(self):
        """The seconds until each timer fires, by name."""
        return {name: (due - self._now_ms()) / 1000 for name, (due, _) in self._timers.items()}

    # The relay's part

    def _slot(self, player):
        for slot_id, slot in self._slots.items():
            if player in (slot_id, slot["label"]):
                return slot_id
        raise ValueError(f"there is no player {player!r}; the players are {', '.join(slot['label'] for slot in self._slots.values())}")

    def _seated(self, player):
        slot_id = self._slot(player)
        if self._slots[slot_id]["tenure"] is None:
            raise ValueError(f"{player} is not seated: call join first")
        return slot_id

    def _check_open(self):
        if self._closed:
            raise RuntimeError("the channel is closed")

    def _next_entry(self):
        self._entries += 1
        return self._entries

    def _now_ms(self):
        return round(self.now * 1000)

    def _run(self, hook, *args, may_hold_seats=False, leaving=None):
        """Runs a hook, if the bot has it, and applies its effects."""
        if hook not in self._hooks:
            return []
        seated = {slot_id: slot for slot_id, slot in self._slots.items() if slot["tenure"] is not None}
        players = [{"slot_id": slot_id, **slot, "may_post": True} for slot_id, slot in seated.items()]
        slots = [{"slot_id": "s0", "label": "referee", "kind": "bot", "filled": True}]
        slots += [{"slot_id": slot_id, "label": slot["label"], "kind": "invite", "filled": slot_id in seated}
                  for slot_id, slot in self._slots.items()]
        seats = {slot_id: self._seats.get(slot_id, {}) for slot_id in self._slots if slot_id in seated or slot_id == leaving}
        call = {"hook": hook, "channel_id": self.channel_id, "bot_id": self.bot_id, "now_ms": self._now_ms(), "state": self._state,
                "seats": json.dumps(seats), "may_hold_seats": may_hold_seats, "may_unseal": True, "kept": self._kept, "players": players, "slots": slots,
                "stream": self._keystream(), "env": self._env, "relay": self._relay, "args": list(args)}
        done = self._worker.hook(call)
        self._check_effects(hook, done["effects"])
        self._entries += hook == "on_private_message"  # its result, a DM of its own
        return self._apply(done, list(seated))

    def _answer_start(self):
        """Opens the draw that the bot has asked for with `ctx.start()`, if it has, and calls `on_start`."""
        position = self._stream
        if position["starting"] is None:
            return []
        if position["open"] is None:
            position = position | {"open": position["starting"], "position": 0}
        self._stream = position | {"starting": None}
        seated = {slot_id: slot["tenure"] for slot_id, slot in self._slots.items() if slot["tenure"] is not None}
        tenures = [tenure for _, _, tenure in position["open"]]
        missing = [slot_id for slot_id, tenure in seated.items() if tenure not in tenures]
        contributors = [slot_id for slot_id, _, _ in position["open"] if slot_id not in missing]
        return self._run("on_start", contributors, missing)

    def _check_effects(self, hook, effects):
        """Refuses what the relay refuses of a worker's report."""
        for effect in effects:
            text = json.dumps(effect, ensure_ascii=False)
            if any(secret in text or json.dumps(secret)[1:-1] in text for secret in self._env.values()):
                raise HookFailed(hook, "a message contains one of the bot's secrets (ctx.env)")
        if sum(not effect.keys() & {"post", "dm"} for effect in effects) > _MAX_OTHER_EFFECTS:
            raise HookFailed(hook, f"a hook may set timers, start, reveal and hold seats at most {_MAX_OTHER_EFFECTS} times")
        names = set(self._timers)
        for timer in (effect["timer"] for effect in effects if "timer" in effect):
            (names.discard if timer["after_ms"] is None else names.add)(timer["name"])
            if len(names) > _MAX_TIMERS:
                raise HookFailed(hook, f"a bot may have at most {_MAX_TIMERS} timers")

    def _apply(self, done, seated):
        sent, position = [], self._stream
        for effect in done["effects"]:
            ((kind, effect),) = effect.items()
            if kind in ("post", "dm"):
                sent.append(Message(effect["kind"], effect["body"], effect.get("slot_id")))
            elif kind == "timer":
                self._timers.pop(effect["name"], None)
                if effect["after_ms"] is not None:
                    self._timers_set += 1
                    self._timers[effect["name"]] = (self._now_ms() + effect["after_ms"], self._timers_set)
            elif kind == "start":
                position = position | {"starting": self._entropy(seated)}
            elif kind == "reveal":
                position = {"epoch": position["epoch"] + 1, "open": None, "starting": None, "position": 0}
            self._entries += kind != "timer"
        for drawn in done["drawn"]:
            if (drawn["epoch"], drawn["open"]) == (position["epoch"], position["open"] is not None):
                position = position | {"position": drawn["to"]}
        self._stream = position
        if done["state"] is not None:
            self._state = done["state"]
        if done["seats"] is not None:
            self._seats = json.loads(done["seats"])
        if done["kept"] is not None:
            self._kept = done["kept"]
        self._next_entry()  # bot:ran
        self.messages += sent
        return sent

    def _entropy(self, seated):
        """The entropy of seated players: [slot id, entropy as hex, the player's tenure]."""
        tenures = [(slot_id, self._slots[slot_id]["tenure"]) for slot_id in seated]
        return [[slot_id, self._hmac("entropy", slot_id, tenure).hex(), tenure] for slot_id, tenure in tenures]

    def _keystream(self):
        position = self._stream
        epoch, opened = position["epoch"], position["open"]
        return {"epoch": epoch, "last": False, "open": opened is not None, "starting": position["starting"] is not None,
                "position": position["position"], "key": self._key(epoch, opened), "next_key": self._key(epoch + 1, None)}

    def _key(self, epoch, opened):
        return self._hmac("stream", epoch, opened).hex()

    def _hmac(self, *parts):
        return hmac.digest(self._seed, json.dumps(parts).encode(), "sha256")


def _body(text, data):
    body = {**(data or {}), "text": text}
    if body.get("type") in RESERVED_TYPES:
        raise ValueError(f"the type {body['type']!r} is the relay's own; a relay refuses the message")
    return json.loads(to_json(body, "data"))


class _InProcessWorker(Worker):
    """A worker without a sandbox, whose replacements of clock, randomness and sockets are in place only during its calls."""

    network = network

    def __init__(self, workspace, source):
        self._source = source
        self._error = None
        with _replacements:
            super().__init__(Output(), self._refuse)
            self.use_workspace(workspace)

    def _isolate(self):
        """Does nothing: the audit hook of a bot's process could never be removed from this one."""

    def _failed(self, error):
        if isinstance(error, KeyboardInterrupt):
            raise error
        self._error = error
        return super()._failed(error)

    def load(self, name, source, params):
        """Loads the source; returns the name of its class and its hooks, or raises `Rejected`."""
        request = {"name": name, "source": source, "params": json.dumps(params), "policy": True,
                   "limits": LIMITS | {"reserved_types": RESERVED_TYPES}}
        for request in ({"load": request}, {"inspect": {}}):
            ((outcome, reply),) = self._call(request).items()
            if outcome == "rejected":
                place = f"line {reply['line']}: " if reply["line"] else ""
                raise Rejected(place + reply["message"], reply["line"], reply["hint"])
        return reply

    def hook(self, call):
        """Runs a hook; returns what it did, or raises `HookFailed`. What it prints is printed."""
        self._error = None
        try:
            ((outcome, reply),) = self._call({"hook": call}).items()
        finally:
            self._empty_workspace()
        for line in reply["log"]:
            print(line)
        if outcome == "failed":
            raise HookFailed(call["hook"], reply["exception"], reply["message"], reply["line"]) from self._error
        return reply

    def _call(self, request):
        # For tracebacks, which show the bot's lines only if they find its source.
        linecache.cache["<bot>"] = (len(self._source), None, self._source.splitlines(keepends=True), "<bot>")
        with _replacements:
            # Another channel's bot may have run in between.
            facades.install(self._log, Program.filename)
            facades.install_files(self._workspace)
            return json.loads(self.answer(json.dumps({"id": 1, "request": request})))["reply"]

    def _empty_workspace(self):
        for entry in os.scandir(self._workspace):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.remove(entry.path)

    @staticmethod
    def _refuse(frame):
        return json.dumps({"id": json.loads(frame)["id"], "answer": _NO_NETWORK})


class _Replacements:
    """The worker's replacements in Python's own modules; the test's own code must not run with them."""

    _OWNERS = (_ssl, datetime, os, random, random.SystemRandom, secrets, socket, ssl, ssl.SSLContext, time, uuid)
    _MISSING = object()

    def __init__(self):
        self._changes = None  # (owner, name, real, replacement)

    def __enter__(self):
        if self._changes is None:
            self._changes = self._install()
        for owner, name, _, replacement in self._changes:
            setattr(owner, name, replacement)

    def __exit__(self, *_):
        for owner, name, real, _ in self._changes:
            if real is self._MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, real)

    def _install(self):
        # Before anything is replaced: a library that is imported later would keep the bot's clock for good.
        for name in sorted(names.MODULES) + names.PREPARED:
            importlib.import_module(name)
        before = [dict(vars(owner)) for owner in self._OWNERS]
        clock.install()
        stream.install()
        network.install(None, None)
        modules.forget()
        return [(owner, name, real.get(name, self._MISSING), value)
                for owner, real in zip(self._OWNERS, before) for name, value in vars(owner).items()
                if value is not real.get(name, self._MISSING) and not name.startswith("__")]


_replacements = _Replacements()
