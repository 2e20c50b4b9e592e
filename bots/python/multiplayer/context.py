"""`ctx`: all that a bot can do to its channel, for the time of one hook."""

import hashlib
import json
import re

from multiplayer.values import to_json

_KIND = re.compile(r"[A-Za-z0-9_:.-]{1,64}")
_FORMULA = "sha256(text + '|' + salt)"
_LONGEST_TIMER = 30 * 24 * 60 * 60


class Effects:
    """What a hook has done so far: effects as JSON texts, in order, and the state if it was set."""

    def __init__(self, state, kept, stream, limits):
        self.before = self.state = state
        self.kept_before = self.kept = kept
        self.stream = stream
        self.texts = []
        self._messages = 0
        self._limits = limits
        self._bytes = 0
        self._open = True

    def close(self):
        self._open = False

    def emit(self, effect, kind, body, slot_id=None):
        self._check_open()
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            raise ValueError(f"kind {kind!r} must be 1 to 64 letters, digits or any of _ : . -")
        if kind == "trace":
            raise ValueError("kind 'trace' is the relay's own")
        if isinstance(body, str):
            body = {"text": body}
        if not isinstance(body, dict):
            raise TypeError(f"body must be a dict or a str, not {type(body).__name__}")
        text = to_json(body, "body")
        self._messages += 1
        if self._messages > self._limits["posts"]:
            raise RuntimeError(f"a hook may post at most {self._limits['posts']} messages")
        size = len(text.encode())
        if size > self._limits["body_bytes"]:
            raise ValueError(f"body is {size} bytes; at most {self._limits['body_bytes']}")
        self._bytes += size
        if self._bytes > self._limits["post_bytes"]:
            raise RuntimeError(f"a hook may post at most {self._limits['post_bytes']} bytes")
        to = "" if slot_id is None else f'"slot_id":{json.dumps(slot_id)},'
        self.texts.append(f'{{"{effect}":{{{to}"kind":"{kind}","body":{text}}}}}')

    def timer(self, name, seconds):
        self._check_open()
        if not isinstance(name, str) or not _KIND.fullmatch(name):
            raise ValueError(f"timer {name!r} must be 1 to 64 letters, digits or any of _ : . -")
        after = None
        if seconds is not None:
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= _LONGEST_TIMER:
                raise ValueError(f"a timer takes seconds from 1 to {_LONGEST_TIMER} (30 days), or None to cancel it")
            after = max(1000, round(seconds * 1000))
        self.texts.append(json.dumps({"timer": {"name": name, "after_ms": after}}))

    def start(self):
        self._check_open()
        if self.stream.start():
            self.texts.append('{"start":{}}')
        return list(self.stream.contributors)

    def reveal(self):
        self._check_open()
        self.stream.reveal()
        self.texts.append('{"reveal":{}}')

    def commit(self, value):
        self._check_open()
        kept = {"next": 1, "values": {}} if self.kept is None else json.loads(self.kept)
        text = to_json(value, "value")
        salt = self.stream.take(32).hex()
        record = {"text": text, "salt": salt}
        name = f"c{kept['next']}"
        kept["next"] += 1
        kept["values"][name] = record
        self._keep(kept)
        return {"id": name, "commitment": _commitment(record), "formula": _FORMULA}

    def open(self, name):
        self._check_open()
        kept = {"next": 1, "values": {}} if self.kept is None else json.loads(self.kept)
        record = kept["values"].pop(name, None)
        if record is None:
            raise KeyError(f"nothing is committed to as {name!r}, or it was opened before")
        self._keep(kept)
        value = json.loads(record["text"])
        return {"id": name, "value": value, **record, "commitment": _commitment(record), "formula": _FORMULA}

    def _keep(self, kept):
        text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > self._limits["kept_bytes"]:
            raise ValueError(f"ctx.commit keeps at most {self._limits['kept_bytes']} bytes; open what is no longer secret")
        self.kept = text

    def set_state(self, state):
        self._check_open()
        if not isinstance(state, dict):
            raise TypeError(f"state must be a dict, not {type(state).__name__}")
        text = to_json(state, "state")
        if len(text.encode()) > self._limits["state_bytes"]:
            raise ValueError(f"state is {len(text.encode())} bytes; at most {self._limits['state_bytes']}")
        self.state = text

    def _check_open(self):
        if not self._open:
            raise RuntimeError("the hook that this ctx belongs to is over")


def _commitment(record):
    return "sha256:" + hashlib.sha256(f"{record['text']}|{record['salt']}".encode()).hexdigest()


class Context:
    """The author's API; docs/BOTS.md describes it."""

    __slots__ = ("_effects", "_facts")

    def __init__(self, effects, facts):
        self._effects = effects
        self._facts = facts

    def post(self, kind, body):
        """Posts to the channel: `body` is a dict, or a str that becomes {"text": ...}."""
        self._effects.emit("post", kind, body)

    def dm(self, slot_id, kind, body):
        """Posts to one player, by the slot that the player holds."""
        if not any(player["slot_id"] == slot_id for player in self._facts["players"]):
            players = ", ".join(f"{p['slot_id']} ({p['label']})" for p in self._facts["players"])
            raise ValueError(f"no player holds slot {slot_id!r}; players: {players or 'none yet'}")
        self._effects.emit("dm", kind, body, slot_id)

    def get_state(self):
        """A copy of the state that was set last, in this hook or an earlier one; {} when none was."""
        return {} if self._effects.state is None else json.loads(self._effects.state)

    def set_state(self, state):
        """Keeps a dict until it is set again; nothing else of a bot outlasts a hook."""
        self._effects.set_state(state)

    def timer(self, name, seconds):
        """Calls `on_timer(name)` once, after so many seconds; None cancels it, the same name again replaces it."""
        self._effects.timer(name, seconds)

    def start(self):
        """Opens the fair keystream: what is drawn from here on depends on the players' entropy, too.

        Returns the slots whose players contributed. When it is open already, nothing changes.
        """
        return self._effects.start()

    def reveal(self):
        """Publishes the seed that everything so far was drawn from, and goes on to the next."""
        self._effects.reveal()

    def commit(self, value):
        """Settles a JSON value that is told later: {"id", "commitment", "formula"}, to be posted now."""
        return self._effects.commit(value)

    def open(self, id):
        """What proves a value that was committed to: {"id", "value", "text", "salt", "commitment", "formula"}."""
        return self._effects.open(id)

    @property
    def params(self):
        """The parameters that the bot was attached with: a copy."""
        return json.loads(self._facts["params"])

    @property
    def players(self):
        """Who holds a slot: [{"slot_id": "s1", "label": "alice"}, ...]."""
        return [dict(player) for player in self._facts["players"]]

    @property
    def slots(self):
        """The open slots: [{"slot_id": "s1", "label": "alice", "kind": "invite", "filled": True}, ...]."""
        return [dict(slot) for slot in self._facts["slots"]]

    @property
    def now(self):
        """The time of what started the hook: seconds since 1970 as a float, to the millisecond."""
        return self._facts["now_ms"] / 1000

    @property
    def channel_id(self):
        return self._facts["channel_id"]

    @property
    def bot_id(self):
        return self._facts["bot_id"]

    @property
    def workspace(self):
        """The path of a directory for this hook's files; empty when the hook begins."""
        return self._facts["workspace"]

    @property
    def env(self):
        """The secrets that the bot was attached with, by name: never post one."""
        return dict(self._facts["env"])
