"""`ctx`: all that a bot can do to its channel, for the time of one hook."""

import json
import re

from multiplayer.values import to_json

_KIND = re.compile(r"[A-Za-z0-9_:.-]{1,64}")


class Effects:
    """What a hook has done so far: effects as JSON texts, in order, and the state if it was set."""

    def __init__(self, state, limits):
        self.before = self.state = state
        self.texts = []
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
        if len(self.texts) >= self._limits["posts"]:
            raise RuntimeError(f"a hook may post at most {self._limits['posts']} messages")
        size = len(text.encode())
        if size > self._limits["body_bytes"]:
            raise ValueError(f"body is {size} bytes; at most {self._limits['body_bytes']}")
        self._bytes += size
        if self._bytes > self._limits["post_bytes"]:
            raise RuntimeError(f"a hook may post at most {self._limits['post_bytes']} bytes")
        to = "" if slot_id is None else f'"slot_id":{json.dumps(slot_id)},'
        self.texts.append(f'{{"{effect}":{{{to}"kind":"{kind}","body":{text}}}}}')

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
        """Secrets that the bot was attached with: none yet."""
        return {}
