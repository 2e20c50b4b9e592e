"""Checks that every entry by or about a bot belongs to a hook that was due (PROTOCOL.md, "What a log must fulfil", part 2).

Each entry starts hooks of bots. They wait in a queue for each bot. The first one in it either runs, as a run of effects that
ends with `bot:ran`, or is skipped, as a single `bot:skipped`. Also checked here: timers, seeds, and who contributed randomness.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush

from bodies import check_private_result, time_of
from canonical import Malformed, canonical, sha256, tagged_hash
from keystream import Keystream

DEEPEST_CASCADE = 8  # hooks that led to a trigger
SEEDS = 1024
LONGEST_HOLD = timedelta(hours=24)
MOST_UNSEALING_BOTS = 64
NOT_ALPHANUMERIC = re.compile("[^A-Za-z0-9]")
LONGEST_NAME = 32  # characters of a bot's name in its id
MOST_TIMERS = 16  # of a bot at a time
END_OF_TIME = datetime(9999, 12, 31, 23, 59, 59, 999000)


def require(holds, problem):
    """Raises Malformed with this text unless the rule holds."""
    if not holds:
        raise Malformed(problem)


@dataclass
class Due:
    """A hook that was started and has not run yet."""

    hook: str
    trigger: int
    step: int
    depth: int
    timer: int | None = None
    player: tuple | None = None  # (slot, tenure) of the player whose DM started it


@dataclass
class Timer:
    """A timer that was set and has neither been cancelled nor had its hook."""

    set_by: int
    due: object
    fired: bool = False


@dataclass
class Bot:
    """A bot that is attached."""

    bot_id: str
    attached: dict  # body of `bot:attach`
    attach_id: int
    began: int  # entry that began the epoch
    commitment: str  # to the seed of the epoch
    queue: deque = field(default_factory=deque)
    timers: dict = field(default_factory=dict)
    last_timer: int = 0
    cancelled: set = field(default_factory=set)  # numbers of timers that it cancelled or replaced
    keystream: Keystream = field(default_factory=Keystream)
    epoch: int = 0
    last_seed: str | None = None
    contributions: list | None = None  # of the epoch, once the keystream is open
    manifest: dict | None = None
    egress_hash: str | None = None  # of the present rules for its connections
    unsealed: int = 0  # its DMs are public up to this entry
    hidden: list = field(default_factory=list)  # heap of its DMs that the file leaves out: (entry of the hook, id)
    has_revealed_at_close: bool = False
    held_until: object = None


@dataclass
class Hooks:
    """The bots of a channel, and the hooks that are due."""

    log: object
    bots: dict = field(default_factory=dict)  # those that are attached, in their order
    ever: dict = field(default_factory=dict)  # all bots that ever were
    depths: dict = field(default_factory=dict)  # number of hooks that led to an entry, if not 0
    effects: list = field(default_factory=list)  # of the hook that runs: (envelope, body)
    running: Bot | None = None
    failed: Bot | None = None  # its `on_init` did not end with `ok`
    undescribed: str | None = None  # the bot whose manifest is the next entry
    missing: set = field(default_factory=set)  # ids of DMs that the file leaves out although they were unsealed
    unsealing: set = field(default_factory=set)  # bots that opened DMs
    exchanged: dict = field(default_factory=dict)  # (bot_id, trigger, step) → what the hook's result says of its traffic
    ran: int = 0
    skipped: int = 0
    dropped: int = 0  # that were due when somebody removed their bot

    # Bots come and go.

    def before(self, envelope, body):
        """Checks, before any entry, that nothing else was to come first."""
        name = body.get("type") if envelope["sender"] == "system" else None
        if self.failed is not None:
            bot = self.failed
            require(name == "bot:detach" and body.get("bot_id") == bot.bot_id and "by" not in body,
                    f"{bot.bot_id} must be detached, because its on_init failed")
        if self.undescribed is not None:
            require(name == "bot:manifest", "the manifest of a bot is the entry after its `bot:attach`")
        if self.running is not None:
            require(envelope["cause"] == self.running.queue[0].trigger, f"it is between the effects of a hook of {self.running.bot_id}")

    def attach(self, envelope, body, seated):
        bot_id = body["bot_id"]
        name = NOT_ALPHANUMERIC.sub("-", body["name"][:LONGEST_NAME])
        require(bot_id == f"bot_{name}_{len(self.ever)}", "its id does not consist of its name and the number of bots before it")
        bot = Bot(bot_id, body, envelope["id"], envelope["id"], body["seed_commitment"], egress_hash=body.get("egress_hash"))
        self.bots[bot_id] = self.ever[bot_id] = bot
        self.undescribed = bot_id
        for hook in ["on_init"] + ["on_join"] * len(seated):
            self.plan(bot_id, hook, envelope)

    def manifest(self, body):
        bot = self.present(body["bot_id"])
        require(self.undescribed == body["bot_id"], "the manifest of a bot is not the entry after its `bot:attach`")
        self.undescribed = None
        require(sha256(canonical(body["manifest"])) == bot.attached["manifest_hash"], "the manifest is not the one that was attached")
        require((body["manifest"].get("unseals") is True) == ("unseals" in bot.attached),
                "the manifest and `bot:attach` differ about whether the bot may open its DMs")
        bot.manifest = body["manifest"]

    def detach(self, envelope, body):
        if "by" not in body:
            require(self.failed is not None, "a bot is detached without a reason")
            require(envelope["cause"] == self.failed.attach_id, "its cause is not the entry that attached the bot")
            self.failed = None
        else:
            self.dropped += len(self.bots[body["bot_id"]].queue)
        del self.bots[body["bot_id"]]

    def present(self, bot_id):
        require(bot_id in self.bots, f"there is no bot {bot_id}")
        return self.bots[bot_id]

    # Which hooks an entry starts.

    def plan_for_all(self, hook, envelope, but=None):
        for bot_id in self.bots:
            if bot_id != but:
                self.plan(bot_id, hook, envelope)

    def plan(self, bot_id, hook, envelope, timer=None, player=None):
        bot, trigger = self.bots[bot_id], envelope["id"]
        if hook not in bot.attached["hooks"] or self.log.closing is not None:
            return
        last = bot.queue[-1] if bot.queue else None
        step = last.step + 1 if last is not None and last.trigger == trigger else 0
        bot.queue.append(Due(hook, trigger, step, self.depths.get(trigger, 0), timer, player))

    def add_private_post(self, envelope, body, bot_id, tenure):
        """Adds a DM of a player."""
        if body is None:
            self.hide(self.bots[bot_id], envelope["id"], envelope)
        self.plan(bot_id, "on_private_message", envelope, player=(envelope["sender"], tenure))

    # What a hook does.

    def add_post(self, envelope, body, bot_id):
        """Adds a post of a bot. The body of a DM still has its own kind beside it."""
        due = self.begin_effect(bot_id, envelope)
        require(envelope["kind"] != "trace", "the kind `trace` is the relay's alone")
        if envelope["to_slot"] is not None:
            seat = self.log.slot(envelope["to_slot"])
            require(seat.tenure is not None and seat.tenure == envelope["to_tenure"], "to_tenure is not the tenure that holds the slot")
            require(seat.tenure <= envelope["cause"], "the tenure began after the cause")
            if body is None:
                self.hide(self.bots[bot_id], envelope["cause"], envelope)
            elif is_result(body):
                require(due.player == addressee(envelope), "a private result is for the player whose DM started the hook")
                check_private_result(body["kind"], body["body"])
            else:
                self.check_size(bot_id, body["body"])
        else:
            self.check_size(bot_id, body)
            self.plan_for_all("on_message", envelope, but=bot_id)
        self.effects.append((envelope, body))

    def check_size(self, bot_id, body):
        limit = self.bots[bot_id].attached["limits"]["body_bytes"]
        require(body is None or len(canonical(body)) <= limit, f"the body has more than the {limit} bytes that `bot:attach` allows")

    def add_effect(self, envelope, body):
        """Adds an entry of the relay about a hook."""
        name, bot = body["type"], self.present(body["bot_id"])
        if name == "seed:reveal" and self.log.closing is not None and self.running is None and not bot.queue:
            self.reveal_at_close(envelope, body, bot)
        elif name == "bot:skipped":
            self.skip(envelope, body, bot)
        elif name == "bot:ran":
            self.finish(envelope, body, bot)
        else:
            due = self.begin_effect(bot.bot_id, envelope)
            self.effects.append((envelope, body))
            {"seats:held": self.hold, "seats:released": self.release, "entropy:open": self.open, "seed:reveal": self.reveal,
             "dm:unsealed": self.unseal, "bot:error": self.error}[name](envelope, body, bot, due)

    def begin(self, bot_id, envelope):
        """Checks that the first hook in the bot's queue can have this effect; returns the hook."""
        bot = self.present(bot_id)
        require(self.running in (None, bot), "it is between the effects of another bot's hook")
        require(bot.queue, f"no hook of {bot_id} is due")
        due = bot.queue[0]
        require(envelope["cause"] == due.trigger, f"the hook that is due is {due.hook} for entry {due.trigger}")
        require(not self.must_skip(bot, due), f"{due.hook} for entry {due.trigger} must be skipped")
        self.running = bot
        self.depths[envelope["id"]] = due.depth + 1
        return due

    def begin_effect(self, bot_id, envelope):
        """Checks that the hook can have another effect; returns the hook."""
        due = self.begin(bot_id, envelope)
        last = self.effects[-1:]
        require(not any(addressee(envelope) and is_result(body) for envelope, body in last), "it follows the private result, which is the last effect")
        return due

    def must_skip(self, bot, due):
        return due.depth >= DEEPEST_CASCADE or due.timer in bot.cancelled

    def finish(self, envelope, body, bot):
        due = self.begin(bot.bot_id, envelope)
        self.check_hook(body, due)
        require(body["effects"] == len(self.effects), f"the hook has {len(self.effects)} effects, not {body['effects']}")
        require(("result" in body) == (due.player is None), "a hook has a public result exactly where no DM started it")
        result = body["result"] if due.player is None else self.private_result(due.player)
        if result is not None:
            self.check_result(result, body, bot, due)
            if "exchanged" in result:
                self.exchanged[bot.bot_id, due.trigger, due.step] = result["exchanged"]
        reveals = sum(is_of_type(envelope, body, "seed:reveal") for envelope, body in self.effects)
        bot.keystream.advance(due.trigger, reveals, body.get("drawn", []))
        self.set_timers(envelope, body, bot)
        self.running, self.effects = None, []
        self.ran += 1
        self.done(bot, due, result is not None and result["outcome"] == "ok")

    def private_result(self, player):
        """Returns the private result of a hook that this player's DM started; None if the file does not have it."""
        slot_id, tenure = player
        if self.log.slot(slot_id).tenure != tenure:
            return None  # left out: the player is gone
        require(self.effects and addressee(self.effects[-1][0]) == player, "the last effect is not the private result")
        body = self.effects[-1][1]
        require(body is None or is_result(body), "the last effect is not the private result")
        return body and body["body"]

    def check_result(self, result, ran, bot, due):
        """Checks the result of a hook against its effects and its `bot:ran`."""
        errors = [body for envelope, body in self.effects if is_of_type(envelope, body, "bot:error")]
        if result["outcome"] == "ok":
            require(not errors, "a hook that ended with ok has a bot:error")
        else:
            require(len(self.effects) == 1 and (errors or due.player), "a hook that failed has one effect, a bot:error or the private result")
            require(not any(name in ran for name in ("drawn", "timers")) and "undelivered" not in result,
                    "a hook that failed draws nothing, sets no timers and sends nothing")
        undelivered = result.get("undelivered", [])
        effects = len(self.effects) + len(undelivered) - (due.player is not None)  # without the private result
        require(undelivered == sorted(set(undelivered)) and all(index < effects for index in undelivered),
                "undelivered does not number effects of the hook")
        require(not undelivered or self.log.last_departure > due.trigger, "a DM is undelivered, although no tenure ended while the hook ran")
        if "exchanged" in result:
            require(bot.egress_hash is not None, "the hook of a bot without a network exchanged something")
            require("sealed" not in result["exchanged"] or "env" in bot.attached, "the traffic of a bot without secrets is sealed")

    def skip(self, envelope, body, bot):
        require(self.running is None, "it is between the effects of a hook")
        require(bot.queue, f"no hook of {bot.bot_id} is due")
        due, reason = bot.queue[0], body["reason"]
        self.check_hook(body, due)
        require(envelope["cause"] == due.trigger, "its cause is not its trigger")
        if self.must_skip(bot, due) or reason in ("depth", "stale"):
            # A hook that is both too deep and stale may give either reason.
            require(reason == "stale" and due.timer in bot.cancelled or reason == "depth" and due.depth >= DEEPEST_CASCADE,
                    f"{due.hook} for entry {due.trigger} is skipped for {reason}, which is not the reason")
        require(reason != "budget" or due.hook not in ("on_init", "on_close"), f"{due.hook} is never skipped for budget")
        require(reason != "closing" or (self.log.closing is not None and due.hook != "on_close"), "the hook is not skipped for closing")
        require(reason != "unavailable" or self.log.closing is not None, "a hook is skipped for unavailable before the channel closes")
        self.skipped += 1
        self.done(bot, due, False)

    def check_hook(self, body, due):
        found = (body["hook"], body["trigger"], body["step"])
        expected = (due.hook, due.trigger, due.step)
        require(found == expected, "the hook that is due is {} for entry {}, step {}".format(*expected))

    def done(self, bot, due, is_ok):
        bot.queue.popleft()
        if due.timer is not None:
            bot.timers.pop(due.timer, None)
        if due.hook == "on_init" and not is_ok:
            self.failed = bot

    # Effects.

    def hold(self, envelope, body, bot, due):
        until = time_of(body["until"])
        require(until - time_of(envelope["ts"]) <= LONGEST_HOLD, "seats are held for more than 24 hours")
        require(until >= self.log.began, "seats are held until a time before the first entry")
        bot.held_until = until

    def release(self, envelope, body, bot, due):
        bot.held_until = None

    def holds_seats(self, now):
        return any(bot.held_until is not None and bot.held_until > now for bot in self.bots.values())

    def error(self, envelope, body, bot, due):
        require(due.player is None, "a hook that a DM started has no bot:error")
        require(body["hook"] == due.hook, f"the hook that failed is {due.hook}")

    def unseal(self, envelope, body, bot, due):
        require("unseals" in bot.attached, "the bot may not open its DMs")
        self.count_unsealing(bot.bot_id)
        bot.unsealed = envelope["cause"]
        self.check_unsealed(bot)

    def count_unsealing(self, bot_id):
        self.unsealing.add(bot_id)
        require(len(self.unsealing) <= MOST_UNSEALING_BOTS, f"more than {MOST_UNSEALING_BOTS} bots open their DMs")

    def hide(self, bot, trigger, envelope):
        """Notes that the file leaves out a DM to or from the bot, of the hook that entry `trigger` starts."""
        heappush(bot.hidden, (trigger, envelope["id"]))
        self.check_unsealed(bot)

    def check_unsealed(self, bot):
        """Notes which of the DMs that the bot has opened are not in the file."""
        while bot.hidden and bot.hidden[0][0] <= bot.unsealed:
            self.missing.add(heappop(bot.hidden)[1])

    def open(self, envelope, body, bot, due):
        require(body["epoch"] == bot.epoch, f"the epoch is {bot.epoch}")
        missing = body.get("missing", [])
        found = (body["contributions"], missing)
        # Players as of `ctx.start()`: the hook sees the channel as of its trigger, the relay answers later. Either will do.
        now = [self.randomness(seats, bot) for seats in (self.log.seats_at(due.trigger), self.log.seats_at(envelope["id"]))]
        require(found in now, "it does not name the players who gave randomness, and the others")
        if bot.contributions is None:
            bot.contributions = body["contributions"]
        bot.keystream.open_at(envelope["id"])
        self.plan(bot.bot_id, "on_start", envelope)

    def randomness(self, seats, bot):
        """Returns the contributions, and the slots of the players who are not among them."""
        given = bot.contributions
        if given is None:
            given = [{"slot_id": slot_id, "entry": tenure, "entropy": entropy}
                     for slot_id, (tenure, entropy) in seats.items() if entropy is not None and tenure > bot.attach_id]
        entries = [each["entry"] for each in given]
        return given, [slot_id for slot_id, (tenure, _) in seats.items() if tenure not in entries]

    def reveal(self, envelope, body, bot, due=None):
        require(body["epoch"] == bot.epoch < SEEDS, f"the epoch is {bot.epoch}")
        require(body["began"] == bot.began, f"the epoch began with entry {bot.began}")
        seed = bytes.fromhex(body["seed"])
        require(commitment(seed) == bot.commitment, "the seed does not fit the commitment")
        require(bot.last_seed is None or previous_seed(seed).hex() == bot.last_seed, "the seed does not fit the chain of seeds")
        bot.epoch += 1
        bot.commitment, bot.last_seed, bot.contributions = body["next_commitment"], body["seed"], None
        if due is not None:
            bot.began = due.trigger

    def reveal_at_close(self, envelope, body, bot):
        require((bot.manifest or {}).get("reveal_on_close") is True, "the seed is revealed outside of a hook")
        require(not bot.has_revealed_at_close, "the seed was revealed at the close already")
        require(envelope["cause"] == self.log.closing, "its cause is not the request to close the channel")
        self.reveal(envelope, body, bot)
        bot.has_revealed_at_close = True

    # Timers.

    def set_timers(self, envelope, body, bot):
        for timer in body.get("timers", []):
            number = timer["n"]
            if "after_ms" in timer:
                require(number == bot.last_timer + 1, f"the next timer is {bot.last_timer + 1}")
                bot.last_timer = number
                bot.timers[number] = Timer(envelope["id"], later(self.log.time, timer["after_ms"]))
            else:
                require(number <= bot.last_timer, f"timer {number} is cancelled before it was set")
                bot.timers.pop(number, None)
                bot.cancelled.add(number)
        running = sum(not timer.fired for timer in bot.timers.values())
        require(running <= MOST_TIMERS, f"{running} timers run, more than {MOST_TIMERS}")
        if self.log.closing is not None:
            self.stop_timers(bot)

    def stop_timers(self, bot):
        """Removes the timers that have not fired: none does after the request to close the channel."""
        bot.timers = {number: timer for number, timer in bot.timers.items() if timer.fired}

    def fire(self, envelope, body):
        bot = self.present(body["bot_id"])
        timer = bot.timers.get(body["n"])
        require(timer is not None and not timer.fired and timer.set_by == body["set_by"], "no such timer is set")
        require(timer.due <= self.log.time, "the timer is not due yet")
        waiting = [(timer.due, bot.attach_id, number) for bot in self.bots.values() for number, timer in bot.timers.items()
                   if not timer.fired]
        require(min(waiting)[2] == body["n"] and min(waiting)[1] == bot.attach_id, "another timer was due before")
        timer.fired = True
        if "on_timer" in bot.attached["hooks"]:
            self.plan(bot.bot_id, "on_timer", envelope, body["n"])
        else:
            del bot.timers[body["n"]]

    def check_timers(self, envelope):
        """Checks, for an entry of a member or that a member asked for, that no timer is due before it."""
        for bot in self.bots.values():
            for number, timer in bot.timers.items():
                require(timer.fired or timer.due > self.log.time, f"timer {number} of {bot.bot_id} was due before it")

    # The end.

    def check_closed(self):
        for bot in self.bots.values():
            require(not bot.queue, f"{bot.bot_id} has hooks that did not run")
            if (bot.manifest or {}).get("reveal_on_close") is True:
                require(bot.has_revealed_at_close, f"{bot.bot_id} has not revealed its seed")

    def overdue(self):
        """Returns how many timers were due before the last entry, or before the operator stopped the channel."""
        end = self.log.stopped_at or self.log.time
        return sum(not timer.fired and timer.due < end for bot in self.bots.values() for timer in bot.timers.values())

    def pending(self):
        """Returns how many hooks are due."""
        return sum(len(bot.queue) for bot in self.bots.values())


def later(time, milliseconds):
    """Returns the time so much later, at most the last one that four digits of a year can write."""
    return time + min(timedelta(milliseconds=milliseconds), END_OF_TIME - time)


def addressee(envelope):
    """Returns (slot, tenure) that a bot's DM is for; None if the entry is not one."""
    return (envelope["to_slot"], envelope["to_tenure"]) if envelope["to_tenure"] is not None else None


def is_result(body):
    """Returns whether the body of a bot's DM is, or claims to be, a private result."""
    return body is not None and (body["kind"] == "trace" or body["body"].get("type") == "bot:result")


def is_of_type(envelope, body, name):
    return envelope["sender"] == "system" and body["type"] == name


def commitment(seed):
    """Returns the commitment to a seed."""
    return "sha256:" + tagged_hash("mcp-multiplayer/bot-seed/v2", seed).hex()


def previous_seed(seed):
    """Returns the seed of the epoch before: a seed opens those before it."""
    return tagged_hash("mcp-multiplayer/seed-chain/v2", seed)
