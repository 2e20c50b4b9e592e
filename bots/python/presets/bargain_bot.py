"""BargainBot: two parties name their limits at once, sealed, and a stated rule makes the deal or there is none.

1. In each round each party sends its limits by private message, one whole number for each issue: the party who wants a value
   high names the lowest that it accepts, the other party the highest. Sealed limits can't be changed in their round.
2. For each of them the bot posts a commitment at once, and sends its text and salt to the owner alone:

       commitment = "sha256:" + sha256(text + "|" + salt)
       text = {"game":1,"round":1,"player":"s1","limits":{"price":100}}

   So each party can prove its own limits later, whatever the bot opens.
3. When both parties have sealed, the bot decides. A deal needs an overlap in every issue. Values lie on the steps
   min, min + step, min + 2 * step, ..., not above max; step k is min + k * step:

       low  = the first step that is not below the limit of the party who wants it high
       high = the last step that is not above the limit of the other party
       there is an overlap if low <= high; then the deal is step  low + (high - low) * share // 100

   `//` rounds down. `share` is 50 with rule="midpoint" (so a half step goes to the lower value), and as the parameter says
   with rule="split": the percentage of the overlap that the party who wants the value high gets.
4. Without a deal the round is UNRESOLVED: at least one issue does not overlap. The bot does not say which, nor by how much.
   If `rounds` are left, the parties name new limits, as they like.

A bargain also ends UNRESOLVED if a party withdraws, leaves, or misses the clock, or if the channel is closed. A round that is
then incomplete is never opened, so that nobody sees a limit without having sealed its own.

What is opened at the end (`unseal`):

- "always": the limits of all complete rounds. Then the bot reveals its seed (`ctx.reveal()`) and, if its manifest has
  "unseals": true, opens all private messages between players and bot (`ctx.unseal()`), so that anybody can replay all of it.
  It does neither after an incomplete round in this channel in which a party had sealed, because that would open those limits.
- "on_deal": the limits of the round that made the deal. Those of other rounds stay sealed, so it does not unseal or reveal.
- "never": nothing. The outcome then rests on sealed limits: nobody can recompute it unless both parties show their openings.

What is learned all the same. UNRESOLVED tells each party that in at least one issue the other's limit lies beyond its own.
Each further round or rematch narrows that: a party that concedes step by step finds the other's limit. A deal by the midpoint,
or by a share other than 0 and 100, tells each party the other's limit to within rounding, also with unseal="never". With
share=0 only the limit of the party who wants the value high is learned, with share=100 only the other's.
The operator of the relay can read private messages. Don't set "reveal_on_close" in the manifest if limits are to stay sealed:
with the seed, everybody can compute the salts and guess the limits.

Commands, by private message: `limit 100`, with several issues `limit price 100, days 14`; data: {"price": 100, "days": 14}.
Public or private: `withdraw`, `start` or `rematch`, `!status`, `!help`. A limit that is posted in public does not count.
While a bargain runs, the bot holds the seats: nobody can be kicked. It moves no money and enforces nothing.
"""

import datetime
import json
import re

HOLD_SECONDS, LONGEST_HOLD = 3600, 86400  # how long the seats are held after a move; the turn clock adds to it
LARGEST = 10**12
PARAMS = {"parties": None, "issues": [{"name": "price"}], "rule": "midpoint", "share": None, "rounds": 1, "turn_seconds": None,
          "unseal": "always"}
ISSUE = {"name": None, "unit": "", "high": None, "min": 0, "max": 1000, "step": 1}
NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")
RESERVED = ("text", "type", "action", "value", "turn_id", "tenure", "limit", "limits", "my", "and", "is", "are")
PREFIX = re.compile(r"(?:my )?limits?\b(?: is\b| are\b|:)?\s*(.*)", re.DOTALL)
VALUE = re.compile(r"(?:([a-z][a-z0-9_]{0,19})(?: is |\s*[:=]\s*|\s+))?([-+]?[0-9]{1,15})(?: ?([^\s0-9]\S{0,19}))?")
PROMISES = {"always": "All limits of complete rounds are opened at the end.",
            "on_deal": "The limits of a round that makes a deal are opened; all others stay sealed.",
            "never": "I open no limits: the outcome rests on sealed limits, and nobody can recompute it unless both parties "
                     "show their openings."}


class BargainBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.state = ctx.get_state() or {
            "phase": "waiting",  # then "sealing", then "over", then "sealing" again ...
            "game": 0,
            "round": 0,
            "parties": [],  # the slots of the two parties
            "issues": [],  # as in the params; `high` and `low` are slots
            "ready": [],  # parties who posted `start` or `rematch`
            "turn_id": 0,  # number of the current turn, counted over all games; a round is one turn
            "due": None,  # when the round's time is up
            "held_until": None,  # until when the seats are held
            "keeps_sealed": False,  # true after an incomplete round with sealed limits
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        self.find_parties()
        issues = "; ".join(self.described(issue) for issue in self.state["issues"])
        seconds = self.params["turn_seconds"]
        clock = f" A round has {seconds} s; then the bargain is UNRESOLVED." if seconds else ""
        self.say("bot", "prompt", **{name: self.params[name] for name in ("rule", "rounds", "turn_seconds", "unseal")},
                 parties=self.state["parties"], issues=self.state["issues"], share=self.share(),
                 text=f"A bargain between {self.names(self.state['parties'])}, with sealed limits. Issues: {issues}. "
                      f"{self.ruling()} Rounds: at most {self.params['rounds']}. {PROMISES[self.params['unseal']]}{clock} It "
                      "starts when every seat is taken, or when both parties say `start`.")
        self.remember()

    def find_parties(self):
        """Finds the parties' slots by the labels in the params; by default they are the first two invite slots."""
        invited = [slot for slot in self.ctx.slots if slot["kind"] == "invite"]
        labels = [slot["label"] for slot in invited]
        parties = self.params["parties"] or labels[:2]
        if len(parties) != 2 or any(labels.count(party) != 1 for party in parties):
            raise ValueError(f"the two parties must be labels of invite slots, each of exactly one; there are: {labels}.")
        slots = [invited[labels.index(party)]["slot_id"] for party in parties]
        for issue in self.params["issues"]:
            high = parties[0] if issue["high"] is None else issue["high"]
            if high not in parties:
                raise ValueError(f"'high' of the issue '{issue['name']}' must be one of the parties: {', '.join(parties)}.")
            first = parties.index(high)
            self.state["issues"].append(dict(issue, high=slots[first], low=slots[1 - first]))
        self.state["parties"] = slots

    def on_ready(self):
        if self.state["phase"] == "waiting" and len(self.here()) == 2:
            self.begin()
            self.remember()

    def on_leave(self, player_id):
        state = self.state
        state["ready"] = [party for party in state["ready"] if party != player_id]
        if player_id in state["parties"]:
            if state["phase"] == "sealing":
                self.end_game("UNRESOLVED", "leave", f"{self.name(player_id)} left.")
            if state["phase"] == "over":
                state["phase"] = "waiting"
        self.remember()

    def on_message(self, msg):
        player, body = msg["sender"], msg["body"] or {}
        if msg["kind"] != "user" or player not in [each["slot_id"] for each in self.ctx.players]:
            return
        action, _ = read(body, self.issues())
        if action == "limit" and player in self.state["parties"]:
            self.violation(player, "PUBLIC_LIMIT", "what you posted is public now: everybody here can read it, and it does not "
                           "count. Send limits by private message (dm_bot) only.")
        elif action == "withdraw":
            self.withdraw(player, body.get("turn_id"), private=False)
        elif action == "start":
            self.vote(player)
        elif action in ("!status", "!help"):
            self.ctx.post("bot", self.status() if action == "!status" else self.help())
        else:
            return  # conversation
        self.remember()

    def on_private_message(self, slot_id, msg):
        if slot_id not in [player["slot_id"] for player in self.ctx.players]:
            return  # the player has left
        action, limits = read(msg, self.issues(), private=True)
        if action == "limit":
            self.seal(slot_id, limits, msg.get("turn_id"))
        elif action == "withdraw":
            self.withdraw(slot_id, msg.get("turn_id"), private=True)
        elif action == "start":
            self.vote(slot_id)
        elif action == "!status":
            self.ctx.dm(slot_id, "private", self.status(slot_id))
        else:
            self.ctx.dm(slot_id, "private", self.help())
        self.remember()

    def on_timer(self, name):
        state = self.state
        if name != "turn" or state["phase"] != "sealing" or state["due"] is None or self.ctx.now < state["due"]:
            return  # the timer of an earlier round
        late = [party for party in state["parties"] if party not in self.sealed()]
        self.end_game("UNRESOLVED", "time", f"The time is up, without limits of {self.names(late)}.")
        self.remember()

    def on_close(self):
        if self.state["phase"] == "sealing":
            self.end_game("UNRESOLVED", "closed", "The channel is being closed.")
            self.remember()

    # ---- The bargain -----------------------------------------------------------------

    def begin(self):
        state = self.state
        state.update(phase="sealing", game=state["game"] + 1, round=0, ready=[])
        for party in state["parties"]:
            self.ctx.seat(party)["sealed"] = []
        self.say("bot", "game_start", game=state["game"], players=state["parties"], issues=state["issues"], share=self.share(),
                 rounds=self.params["rounds"], unseal=self.params["unseal"],
                 text=f"Bargain {state['game']} between {self.names(state['parties'])} begins. {self.ruling()} "
                      f"{PROMISES[self.params['unseal']]}")
        self.give_turn()

    def give_turn(self):
        """Starts the next round, in which both parties seal their limits."""
        state, seconds = self.state, self.params["turn_seconds"]
        state.update(round=state["round"] + 1, turn_id=state["turn_id"] + 1)
        self.hold_seats()
        clock = ""
        if seconds:
            state["due"] = self.ctx.now + seconds
            self.ctx.timer("turn", seconds)
            clock = f" You have {seconds} s."
        self.say("control", "bot:turn", game=state["game"], round=state["round"], **self.offer(), board=self.table([], None),
                 text=f"Round {state['round']} of {self.params['rounds']}. {self.names(state['parties'])}: send me your limits by "
                      f"private message (dm_bot), such as `{self.sample()}`. Once sealed, they stand for this round.{clock}")

    def offer(self):
        """Returns the fields of a post that ask for limits; none if there is nobody to ask."""
        state, sealed = self.state, self.sealed()
        waiting = [party for party in state["parties"] if party not in sealed]
        if not waiting:
            return {}
        limits = {issue["name"]: {"type": "integer", "minimum": issue["min"], "maximum": issue["max"]} for issue in state["issues"]}
        offer = {"turn": waiting, "turn_id": state["turn_id"], "private": True,
                 "actions": {"type": "object", "properties": limits, "required": list(limits)}}
        if self.params["turn_seconds"]:
            offer["deadline"] = timestamp(state["due"])
        return offer

    def seal(self, player, limits, turn_id):
        """Commits to the limits of a private message, and decides when both parties have sealed."""
        state = self.state
        if not self.may_play(player, turn_id, private=True):
            return
        if player in self.sealed():
            return self.violation(player, "ALREADY_SEALED", "your limits of this round are sealed and can't be changed.", True)
        problem = self.problem(limits)
        if problem:
            return self.violation(player, "BAD_LIMIT", f"{problem} Nothing was sealed. Send `{self.sample()}`.", True)
        self.hold_seats()
        limits = {issue["name"]: limits[issue["name"]] for issue in state["issues"]}
        committed = self.ctx.commit({"game": state["game"], "round": state["round"], "player": player, "limits": limits})
        proof = self.ctx.open(committed["id"])  # its owner and `ctx.seat` keep it
        record = {"round": state["round"], "text": proof["text"], "salt": proof["salt"]}
        self.ctx.seat(player).setdefault("sealed", []).append(record)
        self.ctx.dm(player, "private", {
            "type": "receipt", "game": state["game"], "round": state["round"], "limits": limits, "proof": proof,
            "text": f"Sealed for round {state['round']}: {self.listed(limits)}. Keep `proof`: its {proof['formula']} is the "
                    "commitment that I post."})
        offer = self.offer()
        waits = f" Waiting for {self.names(offer['turn'])}." if offer else ""
        self.say("bot", "sealed", player=player, game=state["game"], round=state["round"], commitment=proof["commitment"],
                 formula=proof["formula"], **offer,
                 text=f"{self.name(player)} has sealed limits: {proof['commitment']}.{waits}")
        if not offer:
            self.decide()

    def problem(self, limits):
        """Returns what is wrong with limits; None if they can be sealed."""
        if not isinstance(limits, dict) or set(limits) != set(self.issues()):
            return f"name one whole number for each issue: {', '.join(self.issues())}."
        for name, issue in self.issues().items():
            if not (whole(limits[name]) and issue["min"] <= limits[name] <= issue["max"]):
                return f"{name} is a whole number from {issue['min']} to {issue['max']}."
        return None

    def decide(self):
        state, left = self.state, self.params["rounds"] - self.state["round"]
        limits = {party: limits_of(self.records(party)[-1]) for party in state["parties"]}
        deal = deal_of(state["issues"], limits, self.share())
        if deal is not None:
            self.end_game("DEAL", "overlap", "The limits overlap in every issue.", deal)
        elif left == 0:
            self.end_game("UNRESOLVED", "no_overlap", "The limits do not overlap in every issue.")
        else:
            self.say("bot", "unresolved", game=state["game"], round=state["round"], rounds_left=left,
                     text=f"Round {state['round']} is UNRESOLVED: the limits do not overlap in every issue. Rounds left: {left}.")
            self.give_turn()

    def withdraw(self, player, turn_id, private):
        if self.may_play(player, turn_id, private):
            self.end_game("UNRESOLVED", "withdraw", f"{self.name(player)} withdraws.")

    # ---- End: what is opened, and what stays sealed ----------------------------------

    def end_game(self, result, reason, why, deal=None):
        state, mode, complete = self.state, self.params["unseal"], len(self.sealed()) == 2
        records = [dict(record, player=party) for party in state["parties"] for record in self.records(party)]
        records.sort(key=lambda record: record["round"])
        last = state["round"] if complete else state["round"] - 1  # the last complete round
        opened = [record for record in records if mode == "always" and record["round"] <= last
                  or mode == "on_deal" and deal is not None and record["round"] == last]
        keeps_sealed = state["keeps_sealed"] or len(self.sealed()) == 1
        state.update(phase="over", due=None, keeps_sealed=keeps_sealed)
        unsealed = mode == "always" and not keeps_sealed and self.attempt(self.ctx.unseal)
        for party in state["parties"]:
            if self.records(party):
                del self.ctx.seat(party)["sealed"]
        self.release_seats()
        if self.params["turn_seconds"]:
            self.ctx.timer("turn", None)
        outcomes = {player["slot_id"]: "watched" for player in self.ctx.players}
        outcomes.update({party: result.lower() for party in state["parties"]})
        outcome = "UNRESOLVED: there is no deal." if deal is None else f"DEAL: {self.listed(deal)}."
        if not complete:
            proof = "What was sealed and not opened stays sealed." if records else "No limits were sealed."
        elif len(opened) == len(records):
            proof = "All sealed limits are opened, so that anybody can recompute it."
        elif opened:
            proof = "The limits of this round are opened, so that anybody can recompute it; those of other rounds stay sealed."
        else:
            proof = ("This rests on limits that stay sealed: nobody can recompute it unless both parties show their receipts. Each "
                     "party can prove its own limits.")
        advice = "" if reason == "closed" else " Say `rematch` to bargain again."
        self.say("bot", "game_end", game=state["game"], result=result, reason=reason, deal=deal, round=state["round"],
                 players=state["parties"], outcomes=outcomes, opened=opened, unsealed=unsealed, turn=[],
                 board=self.table(opened, deal), text=f"{why} {outcome} {proof}{advice}")
        if mode == "always" and not keeps_sealed:
            self.attempt(self.ctx.reveal)

    def table(self, opened, deal):
        """Returns the board: opened limits by round and issue, and the deal."""
        state, rows, over = self.state, [], self.state["phase"] == "over"
        rounds = sorted({record["round"] for record in opened})
        for number in rounds or [state["round"]]:
            limits = {record["player"]: limits_of(record) for record in opened if record["round"] == number}
            for issue in state["issues"]:
                name, shown = issue["name"], []
                for party in state["parties"]:
                    word = "at least" if issue["high"] == party else "at most"
                    shown.append(f"{word} {limits[party][name]}" if party in limits else "sealed" * over)
                final = deal is not None and number == state["round"]
                rows.append([f"round {number}: {name}", *shown, str(deal[name]) if final else "none" * over])
        return {"kind": "table", "columns": ["", *[self.name(party) for party in state["parties"]], "deal"], "rows": rows}

    def attempt(self, action):
        """Unseals or reveals; returns whether that was possible."""
        try:
            action()
            return True
        except RuntimeError:
            return False  # the manifest does not allow to unseal; or a bot's seeds, about a thousand, are used up

    def hold_seats(self):
        """Protects the parties from being kicked. Each valid move calls this; it renews the hold at most every 10 minutes."""
        state, now = self.state, self.ctx.now
        seconds = min(LONGEST_HOLD, HOLD_SECONDS + (self.params["turn_seconds"] or 0))
        if state["held_until"] is None or state["held_until"] - now < seconds - 600:
            try:
                self.ctx.hold_seats(seconds)
                state["held_until"] = now + seconds
            except RuntimeError:
                pass  # only hooks of players may hold the seats; the next move does it

    def release_seats(self):
        self.state["held_until"] = None
        self.ctx.release_seats()

    # ---- Status, help and names ------------------------------------------------------

    def vote(self, player):
        state, here = self.state, self.here()
        if state["phase"] == "sealing" or player not in here or len(here) < 2:
            self.ctx.post("bot", self.status())
            return
        state["ready"] = [party for party in here if party in (player, *state["ready"])]
        if len(state["ready"]) == 2:
            self.begin()
        else:
            other = next(party for party in here if party != player)
            self.say("bot", "start_vote", ready=state["ready"],
                     text=f"{self.name(player)} wants to bargain. {self.name(other)} has to say `start`, too.")

    def may_play(self, player, turn_id, private):
        """Returns whether the player may act now, in the turn that the message names; if not, says why."""
        state, now = self.state, self.state["turn_id"]
        if player not in state["parties"]:
            self.violation(player, "NOT_A_PLAYER", "you are watching this bargain.", private)
        elif state["phase"] == "waiting":
            self.violation(player, "GAME_NOT_STARTED", "the bargain hasn't started. Say `start`, or wait for the others.", private)
        elif state["phase"] == "over":
            self.violation(player, "GAME_OVER", "the bargain is over. Say `rematch` to bargain again.", private)
        elif turn_id not in (None, now):
            over = f"turn {turn_id} is over" if whole(turn_id) and 0 < turn_id < now else "there is no such turn"
            self.violation(player, "STALE_TURN", f"{over}; this is turn {now}, round {state['round']}.", private)
        else:
            return True
        return False

    def violation(self, player, reason, details, private=False):
        """Says that a message is invalid, where it was sent. It has no other effect."""
        body = {"type": "violation", "reason": reason, "player": player, "details": details,
                "text": f"{self.name(player)}: {details}"}
        self.ctx.dm(player, "private", body) if private else self.ctx.post("control", body)

    def issues(self):
        return {issue["name"]: issue for issue in self.state["issues"]}

    def here(self):
        """Returns the parties who are seated and can post."""
        seated = [player["slot_id"] for player in self.ctx.players if player["may_post"]]
        return [party for party in self.state["parties"] if party in seated]

    def records(self, party):
        """Returns what a party has sealed in this bargain, by round."""
        try:
            return self.ctx.seat(party).get("sealed", [])
        except ValueError:
            return []  # nobody holds the seat

    def sealed(self):
        """Returns the parties who have sealed their limits for this round."""
        state = self.state
        return [party for party in state["parties"] if any(each["round"] == state["round"] for each in self.records(party))]

    def share(self):
        return 50 if self.params["rule"] == "midpoint" else self.params["share"]

    def ruling(self):
        if self.params["rule"] == "midpoint":
            return "If the limits overlap in every issue, the deal is the midpoint of each overlap, rounded down to a step."
        return (f"If the limits overlap in every issue, {self.share()} % of each overlap goes to the party who wants the value "
                "high, rounded down to a step.")

    def described(self, issue):
        unit, steps = issue["unit"] and f" in {issue['unit']}", f" in steps of {issue['step']}" if issue["step"] > 1 else ""
        return (f"{issue['name']}{unit}, from {issue['min']} to {issue['max']}{steps}; {self.name(issue['high'])} wants it high, "
                f"{self.name(issue['low'])} wants it low")

    def listed(self, values):
        issues = self.issues()
        return ", ".join(f"{name} {value} {issues[name]['unit']}".rstrip() for name, value in values.items())

    def sample(self):
        names = list(self.issues())
        return "limit N" if len(names) == 1 else "limit " + ", ".join(f"{name} N" for name in names)

    def status(self, player=None):
        """Returns the public part of the state; for a party alone, also its own sealed limits."""
        state, playing = self.state, self.state["phase"] == "sealing"
        sealed = self.sealed() if playing else []
        text = {"waiting": "The bargain has not started.", "over": "The bargain is over. Say `rematch` to bargain again."}.get(
            state["phase"], f"Round {state['round']} of {self.params['rounds']}. Sealed: {self.names(sealed) or 'nobody yet'}.")
        own = {"limits": limits_of(self.records(player)[-1])} if player in sealed else {}
        return {"type": "status", "phase": state["phase"], "game": state["game"], "round": state["round"],
                "rounds": self.params["rounds"], "players": state["parties"], "issues": state["issues"], "share": self.share(),
                "unseal": self.params["unseal"], "sealed": sealed, "turn_id": state["turn_id"], **own, "text": text}

    def help(self):
        commands = [f"{self.sample()} - your limits, by private message only", "withdraw", "start or rematch", "!status", "!help"]
        return {"type": "help", "commands": commands, "text": "; ".join(commands) + ". Your limit is the lowest that you accept if "
                "you want the value high, and the highest if you want it low. Programs send data: a number for each issue's name."}

    def name(self, slot_id):
        return {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}.get(slot_id) or slot_id

    def names(self, slot_ids):
        return ", ".join(self.name(slot_id) for slot_id in slot_ids)

    def say(self, kind, event, **fields):
        self.ctx.post(kind, dict(fields, type=event))

    def remember(self):
        self.ctx.set_state(self.state)


def deal_of(issues, limits, share):
    """Returns the value of each issue by the rule; None if an issue does not overlap. `limits` are by slot and issue."""
    deal = {}
    for issue in issues:
        name, least, step = issue["name"], issue["min"], issue["step"]
        low = -((least - limits[issue["high"]][name]) // step)  # rounded up
        high = (limits[issue["low"]][name] - least) // step
        if low > high:
            return None
        deal[name] = least + step * (low + (high - low) * share // 100)
    return deal


def limits_of(record):
    return json.loads(record["text"])["limits"]


def timestamp(seconds):
    """Returns a time as 2026-01-31T12:00:00.000Z."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def read_params(params):
    chosen = dict(PARAMS)
    for name in params:
        if name not in chosen:
            raise ValueError(f"BargainBot has no parameter '{name}'. It has: {', '.join(chosen)}.")
    chosen.update(params)
    parties, issues, seconds, share = chosen["parties"], chosen["issues"], chosen["turn_seconds"], chosen["share"]
    if parties is not None and not (isinstance(parties, list) and len(parties) == 2 and parties[0] != parties[1]
                                    and all(isinstance(party, str) for party in parties)):
        raise ValueError("'parties' must be two labels of invite slots, or left out.")
    if not (isinstance(issues, list) and 1 <= len(issues) <= 6 and all(isinstance(issue, dict) for issue in issues)):
        raise ValueError("'issues' must be a list of 1 to 6 objects, such as [{\"name\": \"price\", \"max\": 500}].")
    chosen["issues"] = [read_issue(issue) for issue in issues]
    if len({issue["name"] for issue in chosen["issues"]}) < len(issues):
        raise ValueError("'issues' must have different names.")
    if chosen["rule"] not in ("midpoint", "split"):
        raise ValueError("'rule' must be \"midpoint\" or \"split\".")
    if chosen["rule"] == "split" and not (whole(share) and 0 <= share <= 100) or chosen["rule"] != "split" and share is not None:
        raise ValueError("'share' must be a whole number from 0 to 100 with the rule \"split\", and left out with \"midpoint\".")
    if not (whole(chosen["rounds"]) and 1 <= chosen["rounds"] <= 10):
        raise ValueError("'rounds' must be a whole number from 1 to 10.")
    if seconds is not None and not (whole(seconds) and 1 <= seconds <= 86400):
        raise ValueError("'turn_seconds' must be a whole number from 1 to 86400, or left out.")
    if chosen["unseal"] not in ("always", "on_deal", "never"):
        raise ValueError("'unseal' must be \"always\", \"on_deal\" or \"never\".")
    return chosen


def read_issue(params):
    issue = dict(ISSUE)
    for name in params:
        if name not in issue:
            raise ValueError(f"an issue has no field '{name}'. It has: {', '.join(issue)}.")
    issue.update(params)
    if not (isinstance(issue["name"], str) and NAME.fullmatch(issue["name"])) or issue["name"] in RESERVED:
        raise ValueError("the 'name' of an issue must be 1 to 20 small letters, digits and _, a letter first, and no word of the "
                         f"bot's own: {', '.join(RESERVED)}.")
    if not (isinstance(issue["unit"], str) and len(issue["unit"]) <= 20):
        raise ValueError("the 'unit' of an issue must be a text of at most 20 characters.")
    low, high, step = issue["min"], issue["max"], issue["step"]
    if not (whole(low) and whole(high) and whole(step) and -LARGEST <= low < high <= LARGEST and 1 <= step <= high - low):
        raise ValueError(f"'min', 'max' and 'step' of '{issue['name']}' must be whole numbers within 10^12, min < max, "
                         "1 <= step <= max - min.")
    return issue


def read(body, issues, private=False):
    """Parses a message: returns (action, limits), or (None, None) for conversation. Limits that can't be read are None."""
    data = {name: body[name] for name in issues if name in body}
    if body.get("type") == "move":  # as data: {"type": "move", "action": "limit", "limits": {"price": 100}}
        action = body.get("action")
        if not isinstance(action, str):
            return None, None
        return {"rematch": "start", "status": "!status", "help": "!help"}.get(action, action), body.get("limits", data)
    if data:  # or {"price": 100}
        return "limit", data
    text = " ".join(str(body.get("text", "")).lower().replace("\u2212", "-").split())  # a typeset minus
    plain = text.lstrip("*_`\"' ").rstrip("!.*_`\"' ")
    if text in ("!status", "!help"):
        return text, None
    if plain in ("withdraw", "i withdraw"):
        return "withdraw", None
    if plain in ("start", "rematch", "again"):
        return "start", None
    found = PREFIX.fullmatch(plain)
    values = parse(found[1] if found else plain, issues)
    if private:
        return ("limit", values) if found or values is not None else (None, None)
    return ("limit", values) if found and (values is not None or found[1][:1].isdigit()) else (None, None)


def parse(text, issues):
    """Returns the limits in a text such as "price 100, days 14", or "100" for a single issue; None if it can't be read."""
    limits = {}
    for piece in re.split(r"\s*[,;]\s*(?:and )?|\s+and ", text):
        found = VALUE.fullmatch(piece)
        name = found and (found[1] or (next(iter(issues)) if len(issues) == 1 else None))
        if name not in issues or name in limits or found[3] and found[3] != issues[name]["unit"].lower():
            return None
        limits[name] = int(found[2])
    return limits
