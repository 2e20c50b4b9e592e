"""Checks a log, entry by entry: what a verifier needs no more for than the log itself.

`Log` keeps who sits where and what the channel's settings are, and decides whether an entry may follow the entries before
it (PROTOCOL.md, "What a log must fulfil", part 1). What bots do is checked by `hooks.py` (part 2).
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from bodies import BOT_SENDER, KIND, MOST_SLOTS, SLOT, check_envelope, check_system_body, time_of
from canonical import canonical, depth, sha256, tagged_hash
from deletions import Deletions
from holder import Stay
from hooks import Hooks, require
from lines import fields

EPOCH = datetime(1970, 1, 1)
RESERVED_KINDS = ("system", "control", "bot", "private", "trace")
DEEPEST_BODY = 32
LARGEST_SYSTEM_BODY = 64 << 10  # bytes of canonical JSON
EFFECTS = ("bot:ran", "bot:skipped", "dm:unsealed", "seats:held", "seats:released", "entropy:open", "seed:reveal", "bot:error")
BY_MEMBERS = ("member:join", "terms:accepted", "member:rejoin", "member:leave", "member:kick")
NOT_DURING_HOLD = ("member:kick", "yield_slot_applied", "close_slot_applied", "new_invite_applied")
WHILE_CLOSING = (*EFFECTS, "bot:runtime", "bot:detach", "close_applied", "operator:stopped")


def is_deletion(envelope, body):
    return envelope["sender"] == "system" and isinstance(body, dict) and body.get("type") == "entry:deleted"


@dataclass
class Slot:
    """A slot of the channel, and who sits there."""

    kind: str
    closed: bool = False
    bot_id: str | None = None
    player: str | None = None
    tenure: int | None = None  # id of the `member:join`
    entropy: str | None = None  # hash of the tenure's entropy
    admin: bool = False
    accepted: bool = False
    generation: int = 0
    invite_used: bool = False

    def is_empty(self):
        return not self.closed and self.bot_id is None and self.player is None


@dataclass
class Log:
    """The state of a channel after the entries that were added."""

    channel_id: str
    relay: dict | None  # name and key of the relay's log, as the header has them
    size: int = 0
    created: dict | None = None
    slots: list = field(default_factory=list)
    ever_filled: set = field(default_factory=set)
    time: object = None
    began: object = None  # time of the first entry
    was_ready: bool = False  # since the last change of the terms
    closing: int | None = None  # id of `close_requested`
    ended: bool = False
    leaving: tuple | None = None  # (id, slot) of the entry before, if a player gave up the seat with it and may yield the slot
    last_departure: int = 0  # id of the last entry that ended a tenure
    stopped_at: object = None  # time of `operator:stopped`
    stays: list = field(default_factory=list)
    current_terms: str | None = None  # their hash, once it was computed
    seats: list = field(default_factory=list)  # (id, {slot: (tenure, hash of the entropy)}) after each change

    def __post_init__(self):
        self.hooks = Hooks(self)
        self.deletions = Deletions(self)

    def add(self, entry):
        """Adds an entry. Raises Malformed if it may not follow the entries before it."""
        envelope, content = entry["envelope"], entry["content"]
        check_envelope(envelope)
        self.check_place(envelope)
        body = self.check_content(envelope, content)
        require(not self.ended or is_deletion(envelope, body), "it follows the end of the channel")
        self.size += 1
        self.time = time_of(envelope["ts"])
        self.hooks.before(envelope, body)
        if envelope["sender"] == "system":
            self.add_system(envelope, body)
        elif SLOT.match(envelope["sender"]):
            self.add_post(envelope, body)
        else:
            self.hooks.add_post(envelope, body, BOT_SENDER.match(envelope["sender"])[1])
        if envelope["sender"] != "system":
            self.deletions.add_post(envelope, body)
        if not self.was_ready and self.is_ready():
            self.was_ready = True
            self.hooks.plan_for_all("on_ready", envelope)

    def check_place(self, envelope):
        require(envelope["channel_id"] == self.channel_id, "it belongs to another channel")
        require(envelope["id"] == self.size + 1, f"its id should be {self.size + 1}")
        require(time_of(envelope["ts"]) >= (self.time or EPOCH), "it is earlier than the entry before it, or than 1970")
        require(envelope["cause"] is None or envelope["cause"] < envelope["id"], "its cause is not before it")

    def check_content(self, envelope, content):
        """Checks the body against the envelope; returns it, or None if the file leaves it out."""
        if content is None:
            require(envelope["sender"] != "system", "the content of an entry of the relay is missing")
            return None
        body = content["body"]
        body_hash = tagged_hash("mcp-multiplayer/body/v2", bytes.fromhex(content["salt"]), canonical(body)).hex()
        require(envelope["body_hash"] == f"sha256:{body_hash}", "its body does not match its body_hash")
        require(isinstance(body, dict), "its body is not an object")
        require(depth(body) <= DEEPEST_BODY, "its body is nested too deeply")
        if envelope["sender"].startswith("bot:"):
            if envelope["to_slot"] is not None:
                fields(body, "the private post", ("kind", "body"))
                require(isinstance(body["kind"], str) and KIND.match(body["kind"]), "the kind of the private post is invalid")
                require(isinstance(body["body"], dict), "its body is not an object")
        return body

    # Players.

    def add_post(self, envelope, body):
        seat = self.slot(envelope["sender"])
        require(self.closing is None, "a player posted after the request to close the channel")
        require(seat.player is not None, "nobody sits in the slot of the sender")
        require(envelope["cause"] is None, "a player's post has no cause")
        require(seat.accepted or not self.created.get("require_terms"), "the player had not accepted the terms")
        self.hooks.check_timers(envelope)
        if envelope["to_slot"] is not None:
            bot_id = self.slot(envelope["to_slot"]).bot_id
            require(bot_id is not None, "a player's private entry is for a bot")
            self.hooks.add_private_post(envelope, body, bot_id, seat.tenure)
            return
        kind = envelope["kind"].lower()
        require(kind not in RESERVED_KINDS and not kind.startswith("bot:"), "players can not post with this kind")
        self.hooks.plan_for_all("on_message", envelope)

    # The relay.

    def add_system(self, envelope, body):
        name = check_system_body(body, envelope["kind"])
        require(len(canonical(body)) <= LARGEST_SYSTEM_BODY, "an entry of the relay has at most 64 KiB")
        require((name == "channel:created") == (self.created is None), "`channel:created` is the first entry, and only the first")
        require(self.closing is None or self.ended or name in WHILE_CLOSING, f"`{name}` follows the request to close the channel")
        if name in EFFECTS:
            self.hooks.add_effect(envelope, body)
            return
        if name != "bot:detach":
            require(envelope["cause"] is None, f"`{name}` has no cause")
        if (name in BY_MEMBERS or name == "close_requested" or "by" in body) and not self.ended:
            self.hooks.check_timers(envelope)
        if name in NOT_DURING_HOLD:
            self.require_no_hold()
        getattr(self, "on_" + name.replace(":", "_"))(envelope, body)

    def on_channel_created(self, envelope, body):
        require(body.get("log") == self.relay, "it names another relay than the header")
        self.created, self.began = body, self.time
        self.slots = [Slot(slot["kind"]) for slot in body["slots"]]

    def on_bots_announced(self, envelope, body):
        pass

    def on_bot_attach(self, envelope, body):
        number = int(body["slot_id"][1:])
        self.require_bots_may_change()
        if "slot_label" in body:
            require(number == len(self.slots), "a slot that is made for a bot comes after the last one")
            require(number < MOST_SLOTS, f"a channel has at most {MOST_SLOTS} slots")
            self.slots.append(Slot("bot"))
        seat = self.slot(body["slot_id"])
        require(seat.kind == "bot" and seat.is_empty(), "the slot is not an empty slot for bots")
        if "by" in body:
            self.require_admin(body["by"])
        self.hooks.attach(envelope, body, self.seated())
        seat.bot_id = body["bot_id"]
        self.terms_changed()

    def on_bot_manifest(self, envelope, body):
        self.hooks.manifest(body)

    def on_bot_detach(self, envelope, body):
        seat = self.slot(body["slot_id"])
        require(seat.bot_id == body["bot_id"], "the bot does not sit in this slot")
        if "by" in body:
            require(self.closing is None, "a bot is detached after the request to close the channel")
            require(envelope["cause"] is None, "an admin's wish has no cause")
            self.require_bots_may_change()
            self.require_admin(body["by"])
        self.hooks.detach(envelope, body)
        seat.bot_id = None
        self.terms_changed()

    def on_bot_runtime(self, envelope, body):
        bot = self.hooks.present(body["bot_id"])
        if body.get("egress_hash") != bot.egress_hash:
            bot.egress_hash = body.get("egress_hash")
            self.terms_changed()

    def on_timer(self, envelope, body):
        self.hooks.fire(envelope, body)

    def on_member_join(self, envelope, body):
        seat = self.slot(body["slot_id"])
        require(seat.kind == "invite" and seat.is_empty(), "the slot is not an empty slot for players")
        require(not seat.invite_used, "the slot's invite code was used before")
        seat.invite_used = True
        seat.player, seat.tenure, seat.accepted = body["player"], envelope["id"], False
        seat.admin = body["player"] == self.created["owner"]  # and stays one until the tenure ends
        seat.entropy = sha256(body["entropy"].encode()) if "entropy" in body else None
        self.ever_filled.add(body["slot_id"])
        self.stays.append(Stay(body["slot_id"], body["player"], seat.tenure, envelope["id"]))
        self.remember_seats()
        self.hooks.plan_for_all("on_join", envelope)

    def on_terms_accepted(self, envelope, body):
        seat = self.seat(body["slot_id"])
        require(body["terms_hash"] == self.terms_hash(), "these are not the present terms")
        seat.accepted = True

    def on_member_rejoin(self, envelope, body):
        seat = self.seat(body["slot_id"])
        require(seat.player != body["player"], "the seat moves to the principal who holds it")
        seat.player, seat.accepted = body["player"], False
        self.end_stay(body["slot_id"], envelope["id"])
        self.stays.append(Stay(body["slot_id"], body["player"], seat.tenure, envelope["id"]))

    def on_member_leave(self, envelope, body):
        require(body["by"] == body["slot_id"], "only the player can give up a seat")
        self.end_tenure(envelope, body["slot_id"])
        self.leaving = (envelope["id"], body["slot_id"])

    def on_member_kick(self, envelope, body):
        self.require_admin(body["by"])
        self.require_owner_for_owners_seat(body)
        self.end_tenure(envelope, body["slot_id"])

    def on_rename_applied(self, envelope, body):
        self.require_admin(body["by"])

    def on_set_admin_applied(self, envelope, body):
        self.require_admin(body["by"])
        self.require_owner_for_owners_seat(body)
        self.seat(body["slot_id"]).admin = body["admin"]

    def on_yield_slot_applied(self, envelope, body):
        self.require_admin_or_leaving(envelope, body)
        seat = self.slot(body["slot_id"])
        require(seat.is_empty(), "the slot is not empty")
        seat.kind = body["to"]

    def on_new_invite_applied(self, envelope, body):
        self.require_admin_or_leaving(envelope, body)
        seat = self.slot(body["slot_id"])
        require(seat.kind == "invite" and seat.is_empty(), "the slot is not an empty slot for players")
        require(body["generation"] == seat.generation + 1, "the invites of a slot are counted without gaps")
        seat.generation, seat.invite_used = body["generation"], False

    def on_close_slot_applied(self, envelope, body):
        self.require_admin(body["by"])
        seat = self.slot(body["slot_id"])
        require(seat.is_empty(), "the slot is not empty")
        seat.closed = True

    def on_close_requested(self, envelope, body):
        if "by" in body:
            self.require_admin(body["by"])
        self.hooks.plan_for_all("on_close", envelope)
        self.closing = envelope["id"]
        for bot in self.hooks.bots.values():
            self.hooks.stop_timers(bot)

    def on_close_applied(self, envelope, body):
        require(self.closing is not None, "nobody had asked to close the channel")
        self.hooks.check_closed()
        self.ended = True

    def on_operator_stopped(self, envelope, body):
        self.ended, self.stopped_at = True, self.time

    def on_entry_deleted(self, envelope, body):
        self.deletions.delete(body, envelope["id"])

    # Seats and settings.

    def slot(self, slot_id):
        number = int(slot_id[1:])
        require(number < len(self.slots), f"there is no slot {slot_id}")
        return self.slots[number]

    def seat(self, slot_id):
        seat = self.slot(slot_id)
        require(seat.player is not None, f"nobody sits in {slot_id}")
        return seat

    def seated(self):
        """Returns the slots that have a player, in their order."""
        return [f"s{number}" for number, slot in enumerate(self.slots) if slot.player is not None]

    def end_tenure(self, envelope, slot_id):
        seat = self.seat(slot_id)
        seat.player = seat.tenure = seat.entropy = None
        seat.admin = seat.accepted = False
        self.last_departure = envelope["id"]
        self.end_stay(slot_id, envelope["id"])
        self.remember_seats()
        self.hooks.plan_for_all("on_leave", envelope)

    def end_stay(self, slot_id, entry):
        next(stay for stay in reversed(self.stays) if stay.slot_id == slot_id).ended = entry

    def remember_seats(self):
        players = {slot_id: self.slot(slot_id) for slot_id in self.seated()}
        self.seats.append((self.size, {slot_id: (seat.tenure, seat.entropy) for slot_id, seat in players.items()}))

    def seats_at(self, entry):
        """Returns {slot: (tenure, hash of the entropy)} after the entry with this id."""
        place = bisect_right(self.seats, entry, key=itemgetter(0))
        return self.seats[place - 1][1] if place else {}

    def require_admin(self, by):
        if by != "owner":
            seat = self.seat(by)
            require(seat.admin or seat.player == self.created["owner"], f"{by} is no admin")

    def require_owner_for_owners_seat(self, body):
        owner = self.created["owner"]
        is_by_owner = body["by"] == "owner" or self.seat(body["by"]).player == owner
        require(is_by_owner or self.slot(body["slot_id"]).player != owner, "only the owner may do this to the owner's seat")

    def require_admin_or_leaving(self, envelope, body):
        """A player who yields the own slot has left it by then: `member:leave`, `yield_slot_applied`, `new_invite_applied`."""
        if self.leaving == (envelope["id"] - 1, body["slot_id"]) and body["by"] == body["slot_id"]:
            # The invite is the last of these entries.
            self.leaving = (envelope["id"], body["slot_id"]) if "to" in body else None
        else:
            self.require_admin(body["by"])

    def require_no_hold(self):
        require(not self.hooks.holds_seats(self.time), "a bot holds the seats")

    def require_bots_may_change(self):
        self.require_no_hold()
        require(self.created["bots_change"] == "owner" or len(self.ever_filled) < 2, "the channel's bots can no longer be changed")

    def terms_changed(self):
        self.was_ready, self.current_terms = False, None
        for slot in self.slots:
            slot.accepted = False

    def is_ready(self):
        open_slots = [slot for slot in self.slots if slot.kind == "invite" and not slot.closed]
        return (bool(open_slots) and self.closing is None and all(slot.player is not None for slot in open_slots)
                and (all(slot.accepted for slot in open_slots) or not self.created.get("require_terms")))

    def terms_hash(self):
        """Computes the hash of the present terms."""
        if self.current_terms is None:
            self.current_terms = "sha256:" + tagged_hash("mcp-multiplayer/terms/v2", canonical(self.terms())).hex()
        return self.current_terms

    def terms(self):
        names = ("name", "preset", "code_hash", "manifest_hash", "params_hash", "env", "api", "limits", "policy", "unseals")
        terms = {"rules": 2, "bots_change": self.created["bots_change"], "require_terms": self.created.get("require_terms", False),
                 "bots": [{name: bot.attached[name] for name in names if name in bot.attached} |
                          ({"egress_hash": bot.egress_hash} if bot.egress_hash is not None else {}) for bot in self.hooks.bots.values()]}
        if "log" in self.created:
            terms["log"] = self.created["log"]
        return terms
