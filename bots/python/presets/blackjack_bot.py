"""BlackjackBot: a blackjack dealer who can't choose the cards, and proves it after each round.

1. For each round the bot asks for the players' own randomness (`ctx.start()`), shuffles a new shoe with it (`on_start`),
   and posts one commitment to the order of all cards, before the first is dealt:

       commitment = sha256(text + "|" + salt)      text = the shoe as JSON: ["4H","KD",...]

   From then on no card can be changed.
2. Cards are dealt from the front of the shoe. Each card shown has its place in the shoe, from 0.
3. The dealer's second card, the hole card, stays face down until the dealer plays. It has a commitment of its own, to
   [place, card]; when it is turned over, its text and salt are posted.
4. After each round the whole shoe is opened, including the cards that were not dealt. Check that it matches the commitment,
   that it consists of `decks` whole decks, and that each card shown lies at its place. If the channel is closed during a
   round, open hands stand, and the round ends so.
5. Then the seed is revealed, so that anybody can replay the shuffle itself.

The dealer's rules, which nobody can change during a game:

- The dealer draws to 16 and stands on 17; on a soft 17 (an ace counted as 11) it stands too, or draws if `hit_soft_17` is
  set. With an ace or a ten up it looks for blackjack before anybody plays.
- Blackjack pays 3:2, other wins 1:1, a tie returns the bet. Bets are even, so that 3:2 is whole.
- Hit, stand; double on any first two cards, for one more card; split two cards of one rank, once: split aces get one card
  each; doubling after a split is allowed; 21 after a split is no blackjack. No insurance, no surrender. A hand of 21 stands
  by itself.
- While a round runs, the bot holds the seats: nobody can be kicked.

Turns are numbered: `turn_id` is 1, 2, 3, ... All bets of a round are one turn. A move may name its turn, as data such as
{"bet": 50, "turn_id": 1}. If that is not the present turn, the move does not count.
Chips are points, without any value outside of this channel.
"""

import datetime
import re
import secrets

RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
SUITS = {"S": "\u2660", "H": "\u2665", "D": "\u2666", "C": "\u2663"}
MOVES = ("hit", "stand", "double", "split")
BET = re.compile(r"(?:i )?bet ([-+]?[0-9][0-9.,]*)(?: chips)?")
WORDS = {"hit me": "hit", "stay": "stand", "double down": "double"}
HOLD_SECONDS, LONGEST_HOLD = 3600, 86400  # how long the seats are held after a move; the turn clock adds to it
PARAMS = {"decks": 2, "hit_soft_17": False, "chips": 1000, "min_bet": 10, "max_bet": 500, "turn_seconds": None}


class BlackjackBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        # With aces counted as 1, a finished hand has at most 30 points, the dealer's at most 26, and a deck
        # has 340. So one deck is enough for five players who all split, and two decks for more than seven.
        self.places = 5 if self.params["decks"] == 1 else 7
        self.state = ctx.get_state() or {
            "phase": "betting",  # then "dealing", "playing", then "betting" for the next round ...
            "round": 0,
            "seated": [],  # slot ids of everyone here, in the order they joined
            "chips": {},  # by slot id
            "bets": {},  # for the next round
            "hands": [],  # {player, cards: places in the shoe, bet, split, doubled, over, gone}
            "turn": None,  # index of the hand that plays
            "turn_id": 1,  # number of the current turn; all bets of a round are one
            "due": None,  # when the turn's time is up
            "dealer": [],  # places of the dealer's cards: the first is up, the second is the hole card
            "shoe": [],  # secret until the round is over
            "next": 0,  # place of the next card
            "shoe_id": None,  # id of the commitment, for ctx.open
            "hole_id": None,
            "commitment": None,
            "held_until": None,  # until when the seats are held
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        rules = self.rules()
        self.say("rules", rules=rules, places=self.places,
                 text=f"Blackjack with {rules['decks']} deck(s), shuffled and committed to before each round. "
                      f"The dealer {rules['dealer']} Blackjack pays 3:2. Double on any first two cards, split one "
                      f"pair once, no insurance. Everybody has {rules['chips']} chips. Bet with `bet 50` (an even "
                      f"number from {rules['min_bet']} to {rules['max_bet']}). The cards are dealt when everybody "
                      "has bet, or when a player who has bet posts `deal`.")
        self.remember()

    def on_join(self, player_id):
        state = self.state
        if player_id not in state["seated"]:
            state["seated"].append(player_id)
            state["chips"][player_id] = self.params["chips"]
            self.say("player_joined", player=player_id, chips=self.params["chips"], **self.offer(),
                     text=f"{self.name(player_id)} joins with {self.params['chips']} chips.")
            self.remember()

    def on_leave(self, player_id):
        state = self.state
        if player_id not in state["seated"]:
            return
        state["seated"].remove(player_id)
        del state["chips"][player_id]
        state["bets"].pop(player_id, None)
        self.say("player_left", player=player_id, **self.offer(), text=f"{self.name(player_id)} leaves. Open hands stand.")
        for each in state["hands"]:
            if each["player"] == player_id:
                each.update(over=True, gone=True)
        if state["phase"] == "playing" and state["hands"][state["turn"]]["over"]:
            self.go_on()
        elif state["bets"]:
            self.deal_if_all_have_bet()
        self.remember()

    def on_message(self, msg):
        player = msg["sender"]
        if msg["kind"] != "user" or player not in self.state["seated"]:
            return
        body = msg["body"] or {}
        action, value = read(body)
        if action in ("!status", "!help"):
            self.ctx.post("bot", self.status() if action == "!status" else self.help())
        elif action not in (*MOVES, "bet", "deal", "rebuy"):
            return  # conversation
        elif self.is_in_time(player, body.get("turn_id")):
            if action == "bet":
                self.bet(player, value)
            elif action in MOVES:
                self.move(player, action)
            else:
                self.deal_now(player) if action == "deal" else self.rebuy(player)
        self.remember()

    def on_private_message(self, slot_id, msg):
        if slot_id in [player["slot_id"] for player in self.ctx.players]:
            action, _ = read(msg)
            self.ctx.dm(slot_id, "private", self.status() if action == "!status" else self.help())

    def on_timer(self, name):
        state = self.state
        if name != "turn" or state["turn"] is None or self.ctx.now < state["due"]:
            return  # the timer of an earlier turn
        player = state["hands"][state["turn"]]["player"]
        self.say("time_up", player=player, text=f"{self.name(player)}'s time is up: the hand stands.")
        state["hands"][state["turn"]]["over"] = True
        self.go_on()
        self.remember()

    def on_close(self):
        if self.state["phase"] == "playing":
            for each in self.state["hands"]:
                each["over"] = True
            self.finish("closed")
            self.remember()

    # ---- Betting ---------------------------------------------------------------------

    def bet(self, player, amount):
        state, low, high = self.state, self.params["min_bet"], self.params["max_bet"]
        if state["phase"] == "playing":
            return self.violation(player, "ROUND_RUNS", "a round is in progress. Bet when it is over.")
        if not (whole(amount) and low <= amount <= high and amount % 2 == 0):
            return self.violation(player, "BAD_BET", f"a bet is one even number from {low} to {high}: `bet {low}`.")
        if amount > state["chips"][player]:
            return self.violation(player, "NO_CHIPS", f"you have {state['chips'][player]} chips.")
        if player not in state["bets"] and len(state["bets"]) == self.places:
            return self.violation(player, "TABLE_FULL", f"{self.places} players have bet already. Bet in the next round.")
        state["bets"][player] = amount
        offer = self.offer()
        self.say("bet", player=player, amount=amount, **offer, text=f"{self.name(player)} bets {amount}." + (
            f" Waiting for {self.names(offer['turn'])}; `deal` starts without them." if offer else ""))
        self.deal_if_all_have_bet()

    def offer(self):
        """Returns the fields of a post that ask for bets; none if there is nobody to ask."""
        state, low = self.state, self.params["min_bet"]
        waiting = [seat for seat in state["seated"] if seat not in state["bets"]]
        if state["phase"] != "betting" or not waiting or len(state["bets"]) == self.places:
            return {}
        chips = [state["chips"][seat] for seat in waiting if state["chips"][seat] >= low]
        actions = [f"bet {low * n}" for n in (1, 2, 5, 10) if chips and low * n <= min(self.params["max_bet"], *chips)]
        if len(chips) < len(waiting):
            actions.append("rebuy")
        return {"turn": waiting, "turn_id": state["turn_id"], "actions": actions}

    def deal_if_all_have_bet(self):
        bets, seated = self.state["bets"], self.state["seated"]
        if len(bets) == self.places or all(seat in bets for seat in seated):
            self.ask_for_randomness()

    def deal_now(self, player):
        if self.state["phase"] == "playing":
            self.violation(player, "ROUND_RUNS", "the cards have been dealt.")
        elif player not in self.state["bets"]:
            self.violation(player, "NO_BET", "bet first.")
        else:
            self.ask_for_randomness()

    def rebuy(self, player):
        plays = any(hand["player"] == player for hand in self.state["hands"])
        if self.state["chips"][player] >= self.params["min_bet"] or plays:
            return self.violation(player, "BAD_MOVE", "you get new chips when you have too few to bet.")
        self.state["chips"][player] = self.params["chips"]
        self.say("rebuy", player=player, chips=self.params["chips"], **self.offer(),
                 text=f"{self.name(player)} starts again with {self.params['chips']} chips.")

    # ---- The deal: shuffle and commit ------------------------------------------------

    def ask_for_randomness(self):
        self.state["phase"] = "dealing"
        self.hold_seats()
        self.ctx.start()

    def on_start(self, contributors, missing):
        """Deals to those who have bet and are still here: players could leave while the request was pending."""
        if self.state["bets"]:
            self.deal(contributors, missing)
        else:
            self.state["phase"] = "betting"
            self.release_seats()
            self.reveal()  # so that the next shuffle begins with everybody who is seated then
            self.say("deal_cancelled", **self.offer(), text="Nobody who has bet is left. Bets are open.")
        self.remember()

    def deal(self, contributors, missing):
        state = self.state
        shoe = [rank + suit for rank in RANKS for suit in SUITS] * self.params["decks"]
        for last in range(len(shoe) - 1, 0, -1):  # Fisher-Yates: every order is equally likely
            other = secrets.randbelow(last + 1)
            shoe[last], shoe[other] = shoe[other], shoe[last]
        committed = self.ctx.commit(shoe)
        players = [seat for seat in state["seated"] if seat in state["bets"]]
        state.update(phase="playing", round=state["round"] + 1, shoe=shoe, next=0, dealer=[], turn=None,
                     shoe_id=committed["id"], commitment=committed["commitment"],
                     hands=[hand(player, state["bets"][player]) for player in players], bets={})
        for player_hand in state["hands"]:
            state["chips"][player_hand["player"]] -= player_hand["bet"]
        givers = (self.names(contributors) or "the relay only") + (f"; {self.names(missing)} gave none" if missing else "")
        self.say("round_start", round=state["round"], players=players, commitment=committed["commitment"],
                 formula=committed["formula"], cards=len(shoe), entropy_from=contributors, missing=missing,
                 text=f"Round {state['round']}: {self.names(players)}. The shoe of {len(shoe)} cards is shuffled. Its commitment "
                      f"is {committed['commitment']}, so it can't be changed. Randomness in the shuffle from: {givers}.")
        for _ in range(2):
            for player_hand in state["hands"]:
                player_hand["cards"].append(self.draw())
            state["dealer"].append(self.draw())
        up, hole = state["dealer"]
        hidden = self.ctx.commit([hole, shoe[hole]])
        state["hole_id"] = hidden["id"]
        for player_hand in state["hands"]:
            player_hand["over"] = total(self.cards(player_hand["cards"]))[0] == 21
        self.say("dealt", round=state["round"], dealer={"up": self.shown([up]), "hole_commitment": hidden["commitment"]},
                 hands=[self.shown_hand(each) for each in state["hands"]],
                 text="; ".join(f"{self.name(each['player'])}: {self.pretty(each['cards'])}" for each in state["hands"])
                      + f". Dealer: {self.pretty([up])} and a card face down, {hidden['commitment']}.")
        if value(shoe[up]) >= 10 and total(self.cards(state["dealer"]))[0] == 21:
            self.finish()  # the dealer's blackjack ends the round at once
        else:
            self.go_on()

    def hold_seats(self):
        """Protects the players from being kicked. Each valid move calls this; it renews the hold at most every 10 minutes."""
        state, now = self.state, self.ctx.now
        seconds = min(LONGEST_HOLD, HOLD_SECONDS + (self.params["turn_seconds"] or 0) * len(state["hands"] or state["bets"]))
        if state["held_until"] is None or state["held_until"] - now < seconds - 600:
            try:
                self.ctx.hold_seats(seconds)
                state["held_until"] = now + seconds
            except RuntimeError:
                pass  # only hooks of players may hold the seats; the next move does it

    def release_seats(self):
        self.state["held_until"] = None
        self.ctx.release_seats()

    def draw(self):
        self.state["next"] += 1
        return self.state["next"] - 1

    # ---- Play ------------------------------------------------------------------------

    def move(self, player, action):
        state = self.state
        if state["phase"] != "playing":
            return self.violation(player, "NO_ROUND", f"no cards are dealt. `bet {self.params['min_bet']}` first.")
        mine = state["hands"][state["turn"]]
        if mine["player"] != player:
            return self.violation(player, "BAD_TURN", f"it is {self.name(mine['player'])}'s turn.")
        problem = self.problem(mine, action)
        if problem:
            return self.violation(player, *problem)
        self.hold_seats()
        getattr(self, action)(mine)
        self.go_on()

    def problem(self, mine, action):
        """Returns why a hand can't make a move, as (reason, details); None if it can."""
        if action in ("hit", "stand"):
            return None
        if len(mine["cards"]) != 2:
            return "BAD_MOVE", f"you can {action} on your first two cards only."
        chips = self.state["chips"][mine["player"]]
        if chips < mine["bet"]:
            return "NO_CHIPS", f"to {action} takes another {mine['bet']} chips; you have {chips}."
        first, second = self.cards(mine["cards"])
        if action == "split" and (mine["split"] or first[:-1] != second[:-1]):
            return "BAD_MOVE", "only two cards of one rank can be split, and only once."
        return None

    def hit(self, mine):
        mine["cards"].append(self.draw())
        points = self.points(mine)
        mine["over"] = points >= 21
        ending = " Bust!" if points > 21 else ""
        self.played(mine, "hit", f"draws {self.pretty(mine['cards'][-1:])}: {points}.{ending}")

    def stand(self, mine):
        mine["over"] = True
        self.played(mine, "stand", f"stands at {self.points(mine)}.")

    def double(self, mine):
        self.state["chips"][mine["player"]] -= mine["bet"]
        mine["bet"] *= 2
        mine["cards"].append(self.draw())
        mine.update(doubled=True, over=True)
        self.played(mine, "double", f"doubles to {mine['bet']} and draws {self.pretty(mine['cards'][-1:])}: {self.points(mine)}.")

    def split(self, mine):
        self.state["chips"][mine["player"]] -= mine["bet"]
        other = hand(mine["player"], mine["bet"])
        other["cards"] = [mine["cards"].pop()]
        for half in (mine, other):
            half["cards"].append(self.draw())
            aces = value(self.state["shoe"][half["cards"][0]]) == 11
            half.update(split=True, over=aces or total(self.cards(half["cards"]))[0] == 21)
        self.state["hands"].insert(self.state["turn"] + 1, other)
        self.played(mine, "split", f"splits: {self.pretty(mine['cards'])} and {self.pretty(other['cards'])}.", other)

    def played(self, mine, action, text, other=None):
        hands = [self.shown_hand(each) for each in (mine, other) if each]
        self.say("played", round=self.state["round"], player=mine["player"], action=action, hands=hands,
                 text=f"{self.name(mine['player'])} {text}")

    def go_on(self):
        """Gives the turn to the next open hand, or finishes the round."""
        state, seconds = self.state, self.params["turn_seconds"]
        state["turn"] = next((at for at, each in enumerate(state["hands"]) if not each["over"]), None)
        if state["turn"] is None:
            self.finish()
            return
        mine = state["hands"][state["turn"]]
        state["turn_id"] += 1
        moves, clock = [action for action in MOVES if not self.problem(mine, action)], ""
        offer = {"turn": [mine["player"]], "turn_id": state["turn_id"], "actions": moves}
        if seconds:
            state["due"] = self.ctx.now + seconds
            self.ctx.timer("turn", seconds)
            due = datetime.datetime.fromtimestamp(state["due"], datetime.timezone.utc).isoformat(timespec="milliseconds")
            offer["deadline"], clock = due.replace("+00:00", "Z"), f" You have {seconds} s."
        self.say("turn", player=mine["player"], **offer, hand=self.shown_hand(mine),
                 text=f"{self.name(mine['player'])}, {self.pretty(mine['cards'])} is "
                      f"{self.points(mine)}: {', '.join(moves[:-1])} or {moves[-1]}?{clock}")

    # ---- The end of a round: the dealer plays, pays, and opens the shoe --------------

    def finish(self, reason="played"):
        state = self.state
        self.release_seats()
        if self.params["turn_seconds"]:
            self.ctx.timer("turn", None)
        hole = self.ctx.open(state["hole_id"])
        if any(self.points(each) <= 21 and not self.natural(each) for each in state["hands"]):
            while self.dealer_draws():
                state["dealer"].append(self.draw())
        points = total(self.cards(state["dealer"]))[0]
        proof = {key: hole[key] for key in ("text", "salt", "commitment")}
        self.say("dealer", round=state["round"], cards=self.shown(state["dealer"]), total=points, hole=proof,
                 text=f"Dealer: {self.pretty(state['dealer'])} is {points}."
                      + (" Bust!" if points > 21 else ""))
        results = [self.settle(each, points) for each in state["hands"]]
        state.update(phase="betting", hands=[], turn=None, turn_id=state["turn_id"] + 1, dealer=[], shoe=[])
        self.say("round_end", round=state["round"], reason=reason, results=results, dealer_total=points, chips=dict(state["chips"]),
                 **({"turn": []} if reason == "closed" else self.offer()),
                 text="; ".join(f"{self.name(r['player'])} {r['outcome']} ({r['net']:+d})" for r in results)
                      + ". Chips: " + ", ".join(f"{self.name(p)} {c}" for p, c in state["chips"].items())
                      + (". The channel is being closed." if reason == "closed" else ". Bet for the next round."))
        opened = self.ctx.open(state["shoe_id"])
        self.say("shoe_opened", round=state["round"], shoe=opened["value"], dealt=state["next"], salt=opened["salt"],
                 commitment=opened["commitment"], formula=opened["formula"],
                 text=f"This was the shoe. Check that {opened['formula']}, with the shoe as JSON without spaces as text and "
                      f"{opened['salt']} as salt, gives {opened['commitment']}, which I posted before the deal.")
        self.reveal()

    def reveal(self):
        try:
            self.ctx.reveal()
        except RuntimeError:
            pass  # a bot has about a thousand seeds; without one, the commitments still prove the cards

    def dealer_draws(self):
        points, soft = total(self.cards(self.state["dealer"]))
        return points < 17 or (points == 17 and soft and self.params["hit_soft_17"])

    def settle(self, mine, dealer):
        points = self.points(mine)
        dealer_natural = dealer == 21 and len(self.state["dealer"]) == 2
        if points > 21:
            outcome, back = "bust", 0
        elif self.natural(mine) and not dealer_natural:
            outcome, back = "blackjack", mine["bet"] * 5 // 2
        elif dealer_natural and not self.natural(mine):
            outcome, back = "loses", 0
        elif dealer > 21 or points > dealer:
            outcome, back = "wins", mine["bet"] * 2
        elif points == dealer:
            outcome, back = "push", mine["bet"]
        else:
            outcome, back = "loses", 0
        if not mine["gone"]:
            self.state["chips"][mine["player"]] += back
        return dict(self.shown_hand(mine), outcome=outcome, net=back - mine["bet"])

    # ---- Cards, status, help and names -----------------------------------------------

    def cards(self, places):
        return [self.state["shoe"][place] for place in places]

    def points(self, mine):
        return total(self.cards(mine["cards"]))[0]

    def natural(self, mine):
        return not mine["split"] and len(mine["cards"]) == 2 and self.points(mine) == 21

    def shown(self, places):
        return [{"place": place, "card": self.state["shoe"][place]} for place in places]

    def shown_hand(self, mine):
        return {"player": mine["player"], "cards": self.shown(mine["cards"]), "total": self.points(mine),
                "bet": mine["bet"], "doubled": mine["doubled"], "split": mine["split"]}

    def pretty(self, places):
        return " ".join(card[:-1] + SUITS[card[-1]] for card in self.cards(places))

    def rules(self):
        dealer = "draws on soft 17 (H17)." if self.params["hit_soft_17"] else "stands on all 17 (S17)."
        return dict(self.params, dealer=dealer, blackjack_pays="3:2", double="any first two cards",
                    split="two cards of one rank, once", insurance=False)

    def status(self):
        """Returns the public part of the state: everything but the shoe and the hole card."""
        state = self.state
        playing = state["phase"] == "playing"
        turn = state["hands"][state["turn"]]["player"] if playing else None
        text = f"Round {state['round']}: it is {self.name(turn)}'s turn." if playing else \
            "Bets are open." if state["phase"] == "betting" else "The cards are being shuffled."
        chips = ", ".join(f"{self.name(player)} {chips}" for player, chips in state["chips"].items())
        return {"type": "status", "phase": state["phase"], "round": state["round"], "current_turn": turn,
                "turn_id": state["turn_id"], "bets": state["bets"],
                "chips": state["chips"], "hands": [self.shown_hand(each) for each in state["hands"]],
                "dealer_up": self.shown(state["dealer"][:1]), "commitment": state["commitment"],
                "rules": self.rules(), "text": f"{text} Chips: {chips or 'nobody has joined'}."}

    def help(self):
        commands = ["bet 50 - your bet for the next round", "deal - start with those who have bet", "hit", "stand",
                    "double", "split", "rebuy - new chips when you have too few to bet", "!status", "!help"]
        return {"type": "help", "commands": commands, "text": "Post in the channel: " + "; ".join(commands)
                + ". Programs post data such as {\"type\": \"move\", \"action\": \"bet\", \"value\": 50}."}

    def is_in_time(self, player, turn_id):
        """Returns whether a move can count now, in the turn that it names; if not, posts the reason."""
        now = self.state["turn_id"]
        if turn_id not in (None, now):
            over = f"turn {turn_id} is over" if whole(turn_id) and 0 < turn_id < now else "there is no such turn"
            self.violation(player, "STALE_TURN", f"{over}; this is turn {now}. `!status` shows how the round stands.")
        elif self.state["phase"] == "dealing":
            self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
            self.violation(player, "DEALING", "the cards are being shuffled. Wait until they are dealt.")
        else:
            return True
        return False

    def violation(self, player, reason, details):
        """Posts that a move is invalid. It has no other effect."""
        self.ctx.post("control", {"type": "violation", "reason": reason, "player": player, "details": details,
                                  "text": f"{self.name(player)}: {details}"})

    def name(self, slot_id):
        return {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}.get(slot_id) or slot_id

    def names(self, slot_ids):
        return ", ".join(self.name(slot_id) for slot_id in slot_ids)

    def say(self, event, **fields):
        self.ctx.post("bot", dict(fields, type=event))

    def remember(self):
        self.ctx.set_state(self.state)


def hand(player, bet):
    return {"player": player, "cards": [], "bet": bet, "split": False, "doubled": False, "over": False,
            "gone": False}


def value(card):
    rank = card[:-1]
    return 11 if rank == "A" else 10 if rank in ("J", "Q", "K") else int(rank)


def total(cards):
    """Returns (points, soft). An ace counts 11 unless the hand would bust; soft means that one counts 11."""
    points, aces = sum(value(card) for card in cards), sum(card[:-1] == "A" for card in cards)
    while points > 21 and aces:
        points, aces = points - 10, aces - 1
    return points, aces > 0


def whole(number):
    return isinstance(number, int) and not isinstance(number, bool)


def read_params(params):
    chosen = dict(PARAMS)
    for name in params:
        if name not in chosen:
            raise ValueError(f"BlackjackBot has no parameter '{name}'. It has: {', '.join(chosen)}.")
    chosen.update(params)
    if not (whole(chosen["decks"]) and 1 <= chosen["decks"] <= 8):
        raise ValueError("'decks' must be a whole number from 1 to 8.")
    if not isinstance(chosen["hit_soft_17"], bool):
        raise ValueError("'hit_soft_17' must be true or false.")
    if whole(chosen["min_bet"]):
        chosen["min_bet"] += chosen["min_bet"] % 2  # bets are even
    low, high, chips = chosen["min_bet"], chosen["max_bet"], chosen["chips"]
    if not (whole(low) and whole(high) and whole(chips) and 2 <= low <= high <= 10**9 and low <= chips <= 10**12):
        raise ValueError("'min_bet', 'max_bet' and 'chips' must be whole numbers, 2 <= min_bet <= max_bet, min_bet <= chips.")
    seconds = chosen["turn_seconds"]
    if seconds is not None and not (whole(seconds) and 1 <= seconds <= 86400):
        raise ValueError("'turn_seconds' must be a whole number from 1 to 86400, or left out.")
    return chosen


def read(body):
    """Parses a message: returns (action, value), or (None, None) for conversation."""
    if body.get("type") == "move":  # as data: {"type": "move", "action": "bet", "value": 50}
        action = body.get("action")
        return (action, body.get("value")) if isinstance(action, str) else (None, None)
    if "bet" in body:  # or {"bet": 50}
        return "bet", body["bet"]
    text = str(body.get("text", "")).strip().lower()
    plain = " ".join(text.lstrip("!*_`\"' ").rstrip("!.*_`\"' ").split())
    if text in ("!status", "!help"):
        return text, None
    if plain in MOVES or plain in ("deal", "rebuy"):
        return plain, None
    if plain in WORDS:
        return WORDS[plain], None
    bet = BET.fullmatch(plain)
    if bet:
        return "bet", int(bet[1]) if bet[1].isdigit() and len(bet[1]) < 16 else None
    return (None, None) if plain != "bet" else ("bet", None)
