"""AuctionBot: a sealed-bid auction, whose winner and price everybody can verify at the end.

1. The auction starts when every seat is taken, or when two players say `start`. The bot asks for the randomness of everybody
   who is seated (`ctx.start()`), draws with it an order of the bidders that breaks ties, and commits to that order (`on_start`),
   before anybody bids.
2. With reserve="sealed" the seller first sends its reserve price by private message.
3. Each bidder sends one bid by private message, or `pass`. Nobody can change or withdraw it. For each answer, bid or pass, the
   bot posts a commitment, and sends its text and salt to the bidder alone:

       commitment = "sha256:" + sha256(text + "|" + salt)      text = {"game":1,"player":"s2","bid":120}

   A pass is the bid null, so that others can't tell it from a bid. A bid is a whole number from `min_bid` to `max_bid`; one that
   is not min_bid + k * step counts as the next lower one that is, and the bot says so to the bidder.
4. Bidding ends when every bidder has answered, or `turn_seconds` after it began. The highest bid wins if it reaches the reserve
   price; of equal bids, the one whose bidder comes first in the drawn order. With price="first" the winner pays its bid, with
   price="second" the second-highest bid, but at least the reserve price. Without a reserve price, that is `min_bid`.
5. Then the bot posts all bids, the reserve price and the order with their texts and salts, so that everybody can check them
   against the commitments, and reveals its seed (`ctx.reveal()`). If its manifest has "unseals": true, it also opens all private
   messages between players and bot (`ctx.unseal()`), so that anybody can replay all of it.

The seller, if there is one, is the player in the slot with the label `seller`. It does not bid. A bidder or a seller who leaves
stays bound: a bid stands, a bidder who has not bid has passed. If the seller leaves or lets the time pass before its reserve
price is sealed, the auction ends without a sale; so it does if all bidders leave before bidding opens.
If the channel is closed before the end, there is no sale, and no bid is opened: then the bot neither unseals nor reveals.

Bids are private, but the relay's operator can read private messages. Everybody sees who has answered, and when. Don't set
"reveal_on_close" in the manifest: after an early close, the seed would tell everybody the salts, so that bids could be guessed.
While an auction runs, the bot holds the seats: nobody can be kicked. It moves no money.

Commands, by private message: `bid 120`, `pass`, `reserve 100`; data: {"bid": 120}, {"reserve": 100}, {"type": "move", "action":
"pass"}. A move may name its turn, {"bid": 120, "turn_id": 3}; if that is not the present turn, it does not count. A bid that is
posted in public does not count, and is public. Public or private: `start` or `rematch`, `!status`, `!help`.
"""

import datetime
import json
import re
import secrets

HOLD_SECONDS, LONGEST_HOLD = 3600, 86400  # how long the seats are held after a move; the turn clock adds to it
LARGEST = 10**12
NUMBER = re.compile(r"(?:(?:i |my )?(bid|reserve)(?: price)?(?: is|:)? ?)?([-+]?[0-9]{1,15})")
ATTEMPT = re.compile(r"(?:i |my )?(bid|reserve)\b(?: price)?(?: is|:)? ?[-+]?[0-9].*|(?:i |my )?(bid|reserve)")
MOVES = ("bid", "pass", "reserve")
PARAMS = {"item": "the item", "price": "second", "seller": None, "reserve": None, "min_bid": 1, "max_bid": 1_000_000, "step": 1,
          "turn_seconds": None}


class AuctionBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.state = ctx.get_state() or {
            "phase": "waiting",  # then "starting", "reserve" (if it is sealed), "bidding", "over", then "starting" again ...
            "game": 0,
            "ready": [],  # players who posted `start` or `rematch`
            "seller": None,  # the slot of the seller, if there is one
            "bidders": [],
            "left": {},  # bidders and sellers who left during the auction: what they had sealed, or null
            "tie_id": None,  # id of the commitment to the order that breaks ties, for ctx.open
            "turn_id": 0,  # number of the current turn, counted over all auctions; all bids are one turn
            "due": None,  # when the turn's time is up
            "held_until": None,  # until when the seats are held
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        if self.params["seller"] is not None:
            found = [slot["slot_id"] for slot in self.ctx.slots
                     if slot["kind"] == "invite" and slot["label"] == self.params["seller"]]
            if len(found) != 1:
                raise ValueError(f"'seller' must be the label of exactly one invite slot, not '{self.params['seller']}'.")
            self.state["seller"] = found[0]
        self.say("bot", "prompt", **self.rules(), text=f"{self.ruling()} It starts when every seat is taken, or when two players "
                 "say `start`. Bids are sealed: send them to me by private message only.")
        self.remember()

    def on_ready(self):
        if self.state["phase"] == "waiting" and self.may_start():
            self.ask_for_randomness()
            self.remember()

    def on_leave(self, player_id):
        state = self.state
        state["ready"] = [player for player in state["ready"] if player != player_id]
        if player_id in self.active():
            state["left"][player_id] = self.record(player_id)
            if state["phase"] == "reserve" and (player_id == state["seller"] or not self.waiting_bidders()):
                self.finish("leave", f"{self.name(player_id)} left before bidding opened.")
            else:
                self.say("bot", "player_left", player=player_id, **self.offer(),
                         text=f"{self.name(player_id)} left. What was sealed stands; a bidder who has not bid has passed.")
                self.decide_if_all_have_answered()
        self.remember()

    def on_message(self, msg):
        player, body = msg["sender"], msg["body"] or {}
        if msg["kind"] != "user" or player not in [each["slot_id"] for each in self.ctx.players]:
            return
        action, _ = read(body)
        if action in MOVES and player in self.active():
            self.violation(player, "PUBLIC_BID", "what you posted is public now: everybody here can read it, and it does not "
                           "count. Send bids by private message (dm_bot) only.", private=False)
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
        action, value = read(msg, private=True)
        if action == "number":  # without a word that says what it is
            action = "reserve" if slot_id == self.state["seller"] else "bid"
        if action in MOVES:
            self.move(slot_id, action, value, msg.get("turn_id"))
        elif action == "start":
            self.vote(slot_id)
        elif action == "!status":
            self.ctx.dm(slot_id, "private", self.status(slot_id))
        else:
            self.ctx.dm(slot_id, "private", self.help())
        self.remember()

    def on_timer(self, name):
        state = self.state
        if name != "turn" or state["due"] is None or self.ctx.now < state["due"]:
            return  # the timer of an earlier turn
        if state["phase"] == "bidding":
            self.decide("The time to bid is over.")
        elif state["phase"] == "reserve":
            self.finish("time", f"{self.name(state['seller'])} named no reserve price in time.")
        self.remember()

    def on_close(self):
        if self.state["phase"] in ("reserve", "bidding"):
            self.finish("closed", "The channel is being closed.")
            self.remember()

    # ---- Start: draw the order that breaks ties --------------------------------------

    def vote(self, player):
        state = self.state
        if state["phase"] == "starting":
            self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
        if state["phase"] in ("starting", "reserve", "bidding") or not self.may_start():
            self.ctx.post("bot", self.status())
            return
        state["ready"] = list(dict.fromkeys([*state["ready"], player]))
        if len(state["ready"]) >= min(2, sum(slot["kind"] == "invite" for slot in self.ctx.slots)):
            self.ask_for_randomness()
        else:
            self.say("bot", "start_vote", ready=state["ready"],
                     text=f"{self.name(player)} is ready. One more player has to say `start`.")

    def seated(self):
        return [player["slot_id"] for player in self.ctx.players if player["may_post"]]

    def may_start(self):
        """Returns whether there is somebody to bid, and the seller if there is to be one."""
        seller, seated = self.state["seller"], self.seated()
        return (seller is None or seller in seated) and any(player != seller for player in seated)

    def ask_for_randomness(self):
        self.state.update(phase="starting", ready=[])
        self.hold_seats()
        self.ctx.start()

    def on_start(self, contributors, missing):
        """Starts the auction. Until now the request was pending, and players may have joined and left."""
        state, players = self.state, self.seated()
        if not self.may_start():
            state["phase"] = "waiting"
            self.release_seats()
            self.say("bot", "start_cancelled", text="The auction does not start: the seller or all bidders left. Say `start` to "
                     "try again.")
            self.attempt(self.ctx.reveal)  # so that the next draw begins with everybody who is seated then
            return self.remember()
        bidders = [player for player in players if player != state["seller"]]
        order = sorted(bidders, key=lambda player: secrets.randbelow(2**64))
        tie = self.ctx.commit({"game": state["game"] + 1, "order": order})
        state.update(game=state["game"] + 1, bidders=bidders, left={}, tie_id=tie["id"])
        for player in players:
            self.ctx.seat(player).pop("sealed", None)
        missing = [player for player in players if player not in contributors]
        givers = (self.names(contributors) or "the relay only") + (f"; {self.names(missing)} gave none" if missing else "")
        self.say("bot", "game_start", game=state["game"], players=bidders, **self.rules(), tie_commitment=tie["commitment"],
                 formula=tie["formula"], entropy_from=contributors, missing=missing,
                 board=table([self.name(each), "", ""] for each in bidders),
                 text=f"Auction {state['game']}. {self.ruling()} Bidders: {self.names(bidders)}. The order that breaks ties is "
                      f"drawn; its commitment is {tie['commitment']}. Randomness in the draw from: {givers}.")
        self.give_turn("reserve" if self.params["reserve"] == "sealed" else "bidding")
        self.remember()

    def give_turn(self, phase):
        """Asks the seller for the reserve price, or the bidders for their bids."""
        state, seconds, clock = self.state, self.params["turn_seconds"], ""
        state.update(phase=phase, turn_id=state["turn_id"] + 1)
        if seconds:
            state["due"] = self.ctx.now + seconds
            self.ctx.timer("turn", seconds)
            clock = f" There are {seconds} s."
        low, high = self.params["min_bid"], self.params["max_bid"]
        ask = f"`bid N`, N from {low} to {high}, or `pass`" if phase == "bidding" else f"`reserve N`, N from {low} to {high}"
        offer = self.offer()
        self.say("control", "bot:turn", game=state["game"], **offer,
                 text=f"{self.names(offer['turn'])}: send me by private message (dm_bot) {ask}. It cannot be changed.{clock}")

    # ---- Bids ------------------------------------------------------------------------

    def active(self):
        """Returns the players of the auction that runs who have not left."""
        state = self.state
        if state["phase"] not in ("reserve", "bidding"):
            return []
        return [player for player in (*state["bidders"], state["seller"]) if player is not None and player not in state["left"]]

    def record(self, player):
        """Returns text and salt of what a player has sealed; None if nothing."""
        if player in self.state["left"]:
            return self.state["left"][player]
        try:
            return self.ctx.seat(player).get("sealed")
        except ValueError:
            return None  # nobody holds the seat

    def waiting_bidders(self):
        return [player for player in self.state["bidders"] if player in self.active() and self.record(player) is None]

    def offer(self):
        """Returns the fields of a post that ask for the reserve price or for bids; none if there is nobody to ask."""
        state, kind = self.state, "bid" if self.state["phase"] == "bidding" else "reserve"
        turn = self.waiting_bidders() if kind == "bid" else [state["seller"]]
        if not turn:
            return {}
        number = {"type": "integer", "minimum": self.params["min_bid"], "maximum": self.params["max_bid"]}
        offer = {"turn": turn, "turn_id": state["turn_id"], "private": True,
                 "actions": {"type": "object", "properties": {kind: number}, "required": [kind]}}
        if kind == "bid":
            offer["other_actions"] = ["pass"]
        if self.params["turn_seconds"]:
            offer["deadline"] = timestamp(state["due"])
        return offer

    def move(self, player, action, value, turn_id):
        state, kind = self.state, "reserve" if action == "reserve" else "bid"
        low, high, step = (self.params[name] for name in ("min_bid", "max_bid", "step"))
        if not self.may_play(player, turn_id):
            return
        if (kind == "reserve") != (player == state["seller"]):
            return self.violation(player, "BAD_TURN", "the seller does not bid." if kind == "bid" else "you are not the seller.")
        if self.record(player) is not None:
            return self.violation(player, "ALREADY_SEALED", "your answer is sealed, and can't be changed or withdrawn.")
        if state["phase"] != ("reserve" if kind == "reserve" else "bidding"):
            return self.violation(player, "BAD_TURN", "bidding opens when the seller has sealed the reserve price." if kind == "bid"
                                  else "the reserve price is not sealed in this auction: the params say it.")
        if action != "pass" and not (whole(value) and low <= value <= high):
            sample = f"one whole number from {low} to {high}: `{kind} N`. Nothing was sealed."
            if kind == "bid":
                return self.violation(player, "BAD_BID", f"a bid is {sample} To make none, send `pass`.")
            return self.violation(player, "BAD_RESERVE", f"a reserve price is {sample}")
        self.hold_seats()
        amount = None if action == "pass" else value if kind == "reserve" else value - (value - low) % step
        self.seal(player, kind, amount, "" if amount in (None, value) else f" ({value} is between two steps)")

    def seal(self, player, kind, amount, note):
        state = self.state
        committed = self.ctx.commit({"game": state["game"], "player": player, kind: amount})
        proof = self.ctx.open(committed["id"])  # its owner and `ctx.seat` keep it
        self.ctx.seat(player)["sealed"] = {"text": proof["text"], "salt": proof["salt"]}
        shown = "no bid" if amount is None else f"your {'bid' if kind == 'bid' else 'reserve price'} of {amount}{note}"
        self.ctx.dm(player, "private", {
            "type": "receipt", "game": state["game"], kind: amount, "proof": proof,
            "text": f"Sealed: {shown}. Keep `proof`: its {proof['formula']} is the commitment that I post."})
        if kind == "reserve":
            self.say("bot", "reserve_sealed", player=player, game=state["game"], commitment=proof["commitment"],
                     formula=proof["formula"], text=f"{self.name(player)} has sealed a reserve price: {proof['commitment']}.")
            return self.give_turn("bidding")
        offer = self.offer()
        waits = f" Waiting for {self.names(offer['turn'])}." if offer else ""
        self.say("bot", "sealed", player=player, game=state["game"], commitment=proof["commitment"], formula=proof["formula"],
                 **offer, text=f"{self.name(player)} has answered: {proof['commitment']}.{waits}")
        self.decide_if_all_have_answered()

    def decide_if_all_have_answered(self):
        if self.state["phase"] == "bidding" and not self.waiting_bidders():
            self.decide("Every bidder has answered.")

    # ---- End: open and decide --------------------------------------------------------

    def decide(self, why):
        order = self.ctx.open(self.state["tie_id"])
        ranks = {player: place for place, player in enumerate(order["value"]["order"])}
        records = [(player, self.record(player)) for player in self.state["bidders"]]
        bids = [dict(record, player=player, bid=json.loads(record["text"])["bid"]) for player, record in records if record]
        bids.sort(key=lambda each: (each["bid"] is None, -(each["bid"] or 0), ranks[each["player"]]))
        amounts, reserve = [each["bid"] for each in bids if each["bid"] is not None], self.reserve()
        least = self.params["min_bid"] if reserve is None else reserve
        proofs = {"bids": bids, "tie_order": {name: order[name] for name in ("text", "salt")}}
        if not amounts:
            self.finish("no_bids", f"{why} Nobody bid.", **proofs)
        elif amounts[0] < least:
            self.finish("reserve", f"{why} The highest bid, {amounts[0]}, is below the reserve price of {least}.", **proofs)
        else:
            price = amounts[0] if self.params["price"] == "first" else max([least, *amounts[1:2]])
            self.finish("sold", why, bids[0]["player"], price, **proofs)

    def reserve(self):
        """Returns the reserve price; None if there is none, or if the seller has not sealed it yet."""
        if self.params["reserve"] != "sealed":
            return self.params["reserve"]
        record = self.record(self.state["seller"])
        return json.loads(record["text"])["reserve"] if record else None

    def finish(self, reason, why, winner=None, price=None, **proofs):
        """Ends the auction. Without `proofs` nothing is opened, because nothing was decided."""
        state = self.state
        kept = not proofs and any(self.record(player) for player in (*state["bidders"], state["seller"]))
        bids, reserve = proofs.get("bids", []), self.reserve() if proofs else None
        if proofs and self.params["reserve"] == "sealed":
            proofs["reserve_proof"] = self.record(state["seller"])
        unsealed = bool(proofs) and self.attempt(self.ctx.unseal)
        ending = f"{self.name(winner)} buys {self.params['item']} for {price}." if winner else "There is no sale."
        proof = " All bids are opened, so that everybody can check that." if proofs else " What was sealed stays sealed."
        advice = "" if reason == "closed" else " Say `rematch` for another auction."
        rows = [[self.name(each["player"]), "no bid" if each["bid"] is None else str(each["bid"]),
                 str(price) if each["player"] == winner else ""] for each in bids]
        rows += [["reserve price", str(reserve), ""]] if reserve is not None else []
        state.update(phase="over", due=None)
        self.say("bot", "game_end", game=state["game"], winner=winner, price=price, reason=reason, reserve=reserve, **proofs,
                 players=state["bidders"], unsealed=unsealed, turn=[],
                 board=table(rows), text=f"{why} {ending}{proof if proofs or kept else ''}{advice}")
        for player in self.ctx.players:
            self.ctx.seat(player["slot_id"]).pop("sealed", None)
        state.update(left={}, tie_id=None)
        self.release_seats()
        if self.params["turn_seconds"]:
            self.ctx.timer("turn", None)
        if not kept:
            self.attempt(self.ctx.reveal)

    def attempt(self, action):
        """Unseals or reveals; returns whether that was possible."""
        try:
            action()
            return True
        except RuntimeError:
            return False  # the manifest does not allow to unseal; or a bot's seeds, about a thousand, are used up

    def hold_seats(self):
        """Protects the players from being kicked. Each valid move calls this; it renews the hold at most every 10 minutes."""
        state, now = self.state, self.ctx.now
        seconds = min(LONGEST_HOLD, HOLD_SECONDS + 2 * (self.params["turn_seconds"] or 0))
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

    def may_play(self, player, turn_id):
        """Returns whether the player may move now, in the turn that the move names; if not, sends the reason."""
        state, now = self.state, self.state["turn_id"]
        if state["phase"] == "waiting":
            self.violation(player, "GAME_NOT_STARTED", "the auction hasn't started. Say `start`, or wait for the others.")
        elif state["phase"] == "starting":
            self.violation(player, "GAME_NOT_STARTED", "the auction is about to start. I post whose turn it is.")
            self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
        elif state["phase"] == "over":
            self.violation(player, "GAME_OVER", "the auction is over. Say `rematch` for another one.")
        elif player not in self.active():
            self.violation(player, "NOT_A_PLAYER", "you are not in this auction, but can take part in the next.")
        elif turn_id not in (None, now):
            over = f"turn {turn_id} is over" if whole(turn_id) and 0 < turn_id < now else "there is no such turn"
            self.violation(player, "STALE_TURN", f"{over}; this is turn {now}.")
        else:
            return True
        return False

    def violation(self, player, reason, details, private=True):
        """Says that a message is invalid, where it was sent. It has no other effect."""
        body = {"type": "violation", "reason": reason, "player": player, "details": details,
                "text": f"{self.name(player)}: {details}"}
        self.ctx.dm(player, "private", body) if private else self.ctx.post("control", body)

    def rules(self):
        names = ("item", "price", "min_bid", "max_bid", "step", "reserve", "turn_seconds")
        return {"seller": self.state["seller"], **{name: self.params[name] for name in names}}

    def ruling(self):
        rules = self.params
        seller = f", sold by {self.name(self.state['seller'])}" if self.state["seller"] else ""
        steps = f" in steps of {rules['step']}" if rules["step"] > 1 else ""
        reserve = {"sealed": " The seller seals a reserve price first.", None: ""}.get(
            rules["reserve"], f" Reserve price: {rules['reserve']}.")
        pays = "its bid" if rules["price"] == "first" else "the second-highest bid, at least the reserve price"
        return (f"Sealed bids for {rules['item']}{seller}, from {rules['min_bid']} to {rules['max_bid']}{steps}. The highest wins "
                f"and pays {pays}; a drawn order breaks ties.{reserve}")

    def status(self, player=None):
        """Returns the public part of the state; for a player alone, also what it has sealed itself."""
        state, active = self.state, self.active()
        answered = [bidder for bidder in state["bidders"] if active and self.record(bidder) is not None]
        text = {"waiting": "The auction has not started.", "starting": "The auction is about to start.",
                "reserve": "Waiting for the reserve price.", "over": "The auction is over. Say `rematch` for another one."}.get(
                    state["phase"], f"Bidding is open. Answered: {self.names(answered) or 'nobody yet'}.")
        own = {"sealed": json.loads(self.record(player)["text"])} if player in active and self.record(player) else {}
        return {"type": "status", "phase": state["phase"], "game": state["game"], "players": state["bidders"], **self.rules(),
                "answered": answered, "turn_id": state["turn_id"], **own, "text": text}

    def help(self):
        commands = ["bid 120", "pass - make no bid", "reserve 100 - only the seller", "start or rematch", "!status", "!help"]
        return {"type": "help", "commands": commands, "text": "; ".join(commands) + ". Send the first three by private message "
                "only. Programs send data such as {\"bid\": 120}."}

    def name(self, slot_id):
        return {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}.get(slot_id) or slot_id

    def names(self, slot_ids):
        return ", ".join(self.name(slot_id) for slot_id in slot_ids)

    def say(self, kind, event, **fields):
        self.ctx.post(kind, dict(fields, type=event))

    def remember(self):
        self.ctx.set_state(self.state)


def table(rows):
    return {"kind": "table", "columns": ["", "bid", "pays"], "rows": list(rows)}


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
            raise ValueError(f"AuctionBot has no parameter '{name}'. It has: {', '.join(chosen)}.")
    chosen.update(params)
    low, high, step, reserve = (chosen[name] for name in ("min_bid", "max_bid", "step", "reserve"))
    if not (isinstance(chosen["item"], str) and 0 < len(chosen["item"].strip()) <= 200):
        raise ValueError("'item' must be a text of 1 to 200 characters.")
    if chosen["price"] not in ("first", "second"):
        raise ValueError("'price' must be \"first\" or \"second\".")
    if chosen["seller"] is not None and not isinstance(chosen["seller"], str):
        raise ValueError("'seller' must be the label of an invite slot, or left out.")
    if not (whole(low) and whole(high) and whole(step) and 0 <= low < high <= LARGEST and 1 <= step <= high - low):
        raise ValueError("'min_bid', 'max_bid' and 'step' must be whole numbers, 0 <= min_bid < max_bid <= 10^12, "
                         "1 <= step <= max_bid - min_bid.")
    if reserve == "sealed" and chosen["seller"] is None:
        raise ValueError("'reserve' can be \"sealed\" only if there is a 'seller'.")
    if reserve not in (None, "sealed") and not (whole(reserve) and low <= reserve <= high):
        raise ValueError("'reserve' must be a whole number from 'min_bid' to 'max_bid', \"sealed\", or left out.")
    seconds = chosen["turn_seconds"]
    if seconds is not None and not (whole(seconds) and 1 <= seconds <= 86400):
        raise ValueError("'turn_seconds' must be a whole number from 1 to 86400, or left out.")
    return chosen


def read(body, private=False):
    """Parses a message: returns (action, number), or (None, None) for conversation. A number that can't be read is None."""
    if body.get("type") == "move":  # as data: {"type": "move", "action": "bid", "value": 120}
        action = body.get("action")
        if not isinstance(action, str):
            return None, None
        value = body.get("value", body.get(action))
        return {"rematch": "start", "status": "!status", "help": "!help"}.get(action, action), value
    for kind in ("bid", "reserve"):  # or {"bid": 120}
        if kind in body:
            return kind, body[kind]
    text = " ".join(str(body.get("text", "")).lower().replace("\u2212", "-").split())  # a typeset minus
    plain = text.lstrip("*_`\"' ").rstrip("!.*_`\"' ")
    if text in ("!status", "!help"):
        return text, None
    if plain in ("pass", "i pass"):
        return "pass", None
    if plain in ("start", "rematch", "again"):
        return "start", None
    found = NUMBER.fullmatch(plain)
    if found and (found[1] or private):
        return found[1] or "number", int(found[2])
    attempt = ATTEMPT.fullmatch(plain)
    if attempt and (private or attempt[1]):
        return attempt[1] or attempt[2], None
    return None, None
