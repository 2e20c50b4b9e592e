"""`ctx`: everything that a bot can do in its channel, during one hook."""

import hashlib
import json
import re

from multiplayer.values import to_json

_KIND = re.compile(r"[A-Za-z0-9_:.-]{1,64}")
_COMMITMENT_FORMULA = "sha256(text + '|' + salt)"
_MAX_TIMER_SECONDS = 30 * 24 * 60 * 60
_MAX_HOLD_SECONDS = 24 * 60 * 60


class Effects:
    """Records what a hook does: its effects as JSON texts, in order; its state; and its open commitments."""

    def __init__(self, call, stream, limits):
        self.state_before = self.state = call["state"]
        self.seats_before = self.seats = call["seats"]
        self.commitments_before = self.commitments = call["kept"]
        self._seats = None
        self._hook = call["hook"]
        self._may_hold_seats = call["may_hold_seats"]
        self._may_unseal = call["may_unseal"]
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
            raise ValueError("kind 'trace' is reserved for the relay")
        if isinstance(body, str):
            body = {"text": body}
        if not isinstance(body, dict):
            raise TypeError(f"body must be a dict or a str, not {type(body).__name__}")
        if body.get("type") in self._limits["reserved_types"]:
            raise ValueError(f"the type {body['type']!r} is the relay's own; choose another one")
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
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= _MAX_TIMER_SECONDS:
                raise ValueError(f"seconds must be from 1 to {_MAX_TIMER_SECONDS} (30 days), or None to cancel the timer")
            after = max(1000, round(seconds * 1000))
        self.texts.append(json.dumps({"timer": {"name": name, "after_ms": after}}))

    def seat(self, slot_id):
        self._check_open()
        if self._seats is None:
            self._seats = json.loads(self.seats)
        if not isinstance(slot_id, str) or slot_id not in self._seats:
            raise ValueError(f"no player holds slot {slot_id!r}; slots with players: {', '.join(self._seats) or 'none'}")
        return self._seats[slot_id]

    def save_seats(self):
        """Takes over the changes that the hook made to the dicts of `ctx.seat`."""
        if self._seats is None:
            return
        text = to_json(self._seats, "seats")
        if len(text.encode()) > self._limits["state_bytes"]:
            raise ValueError(f"the dicts of ctx.seat are {len(text.encode())} bytes; at most {self._limits['state_bytes']}")
        # Compared as texts: in Python, 1 == True.
        if text != to_json(json.loads(self.seats), "seats"):
            self.seats = text

    def hold_seats(self, seconds):
        self._check_open()
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= _MAX_HOLD_SECONDS:
            raise ValueError(f"seconds must be from 1 to {_MAX_HOLD_SECONDS} (24 hours)")
        if not self._may_hold_seats:
            raise RuntimeError("only a hook that a player's message or arrival started may hold the seats")
        self.texts.append(json.dumps({"hold_seats": {"for_ms": max(1000, round(seconds * 1000))}}))

    def release_seats(self):
        self._check_open()
        self.texts.append('{"release_seats":{}}')

    def unseal(self):
        self._check_open()
        if not self._may_unseal:
            raise RuntimeError('the bot\'s manifest does not have "unseals": true, so players were not told')
        self.texts.append('{"unseal":{}}')

    def start(self):
        self._check_open()
        if self._hook == "on_start":
            raise RuntimeError("this hook is the answer to ctx.start(); call it again in a later hook")
        if self.stream.start():
            self.texts.append('{"start":{}}')

    def reveal(self):
        self._check_open()
        self.stream.reveal()
        self.texts.append('{"reveal":{}}')

    def commit(self, value):
        self._check_open()
        stored = self._load_commitments()
        text = to_json(value, "value")
        salt = self.stream.take(32).hex()
        record = {"text": text, "salt": salt}
        name = f"c{stored['next']}"
        stored["next"] += 1
        stored["values"][name] = record
        self._save_commitments(stored)
        return {"id": name, "commitment": _commitment(record), "formula": _COMMITMENT_FORMULA}

    def open(self, name):
        self._check_open()
        stored = self._load_commitments()
        record = stored["values"].pop(name, None)
        if record is None:
            raise KeyError(f"there is no open commitment {name!r}: it was never made, or it has been opened")
        self._save_commitments(stored)
        value = json.loads(record["text"])
        return {"id": name, "value": value, **record, "commitment": _commitment(record), "formula": _COMMITMENT_FORMULA}

    def _load_commitments(self):
        return {"next": 1, "values": {}} if self.commitments is None else json.loads(self.commitments)

    def _save_commitments(self, stored):
        text = json.dumps(stored, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > self._limits["kept_bytes"]:
            limit = self._limits["kept_bytes"]
            raise ValueError(f"open commitments may take at most {limit} bytes; open those that are no longer secret")
        self.commitments = text

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
            raise RuntimeError("this ctx belongs to a hook that has ended")


def _commitment(record):
    return "sha256:" + hashlib.sha256(f"{record['text']}|{record['salt']}".encode()).hexdigest()


class Context:
    """The author's API, documented in docs/BOTS.md."""

    __slots__ = ("_effects", "_facts")

    def __init__(self, effects, facts):
        self._effects = effects
        self._facts = facts

    def post(self, kind, body):
        """Posts to the channel; `body` is a dict, or a str that becomes {"text": ...}."""
        self._effects.emit("post", kind, body)

    def dm(self, slot_id, kind, body):
        """Sends a private message to the player in a slot."""
        if not any(player["slot_id"] == slot_id for player in self._facts["players"]):
            players = ", ".join(f"{p['slot_id']} ({p['label']})" for p in self._facts["players"])
            raise ValueError(f"no player holds slot {slot_id!r}; players: {players or 'none yet'}")
        self._effects.emit("dm", kind, body, slot_id)

    def get_state(self):
        """Returns a copy of the state that was last set, in this hook or an earlier one; {} at first."""
        return {} if self._effects.state is None else json.loads(self._effects.state)

    def set_state(self, state):
        """Stores a dict as the state. Nothing else of a bot persists from one hook to the next."""
        self._effects.set_state(state)

    def seat(self, slot_id):
        """Returns a dict in which the bot keeps what concerns this player alone, such as a hidden hand.

        Changes to it persist like the state. When the player's time in the seat ends, the dict is dropped after `on_leave`,
        so that the next player in the seat never gets it.
        """
        return self._effects.seat(slot_id)

    def hold_seats(self, seconds):
        """Protects a game in progress: for so long nobody is kicked, and no bot is changed. Call it again to renew it."""
        self._effects.hold_seats(seconds)

    def release_seats(self):
        """Ends the protection of `hold_seats`."""
        self._effects.release_seats()

    def unseal(self):
        """Opens the DMs so far between the players and this bot to everybody, in receipts. The manifest says "unseals": true.

        Whoever verifies a receipt can then replay the hooks that DMs started, too.
        """
        self._effects.unseal()

    def timer(self, name, seconds):
        """Calls `on_timer(name)` once, after `seconds`. Setting the name again replaces the timer; None cancels it."""
        self._effects.timer(name, seconds)

    def start(self):
        """Asks for the players' randomness; `on_start(contributors, missing)` is called once it is there.

        From `on_start` on, random draws depend on it, too, until `reveal`. While a request is pending, this does nothing.
        """
        self._effects.start()

    def reveal(self):
        """Publishes the seed of all draws so far, and switches to the next seed."""
        self._effects.reveal()

    def commit(self, value):
        """Commits to a JSON value without revealing it; returns {"id", "commitment", "formula"} to post now."""
        return self._effects.commit(value)

    def open(self, id):
        """Opens a commitment; returns its proof: {"id", "value", "text", "salt", "commitment", "formula"}."""
        return self._effects.open(id)

    @property
    def params(self):
        """A copy of the parameters that the bot was attached with."""
        return json.loads(self._facts["params"])

    @property
    def players(self):
        """The seated players: [{"slot_id": "s1", "label": "alice", "tenure": 3, "may_post": True}, ...].

        `may_post` is false for a player who still has to accept the terms.
        """
        return [dict(player) for player in self._facts["players"]]

    @property
    def slots(self):
        """The open slots: [{"slot_id": "s1", "label": "alice", "kind": "invite", "filled": True}, ...]."""
        return [dict(slot) for slot in self._facts["slots"]]

    @property
    def now(self):
        """The time of the entry that started the hook, in seconds since 1970, to the millisecond."""
        return self._facts["now_ms"] / 1000

    @property
    def channel_id(self):
        return self._facts["channel_id"]

    @property
    def bot_id(self):
        return self._facts["bot_id"]

    @property
    def relay(self):
        """The relay's log, {"origin", "key"}: its name and public key, as `channel:created` has them; None without a relay."""
        relay = self._facts["relay"]
        return None if relay is None else dict(relay)

    @property
    def workspace(self):
        """The path of a directory for the hook's files; it is empty when the hook starts."""
        return self._facts["workspace"]

    @property
    def env(self):
        """The secrets that the bot was attached with, by name. Never post one."""
        return dict(self._facts["env"])
