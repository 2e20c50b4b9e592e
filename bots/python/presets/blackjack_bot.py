"""BlackjackBot: the dealer of a blackjack table who can't choose the cards, and can prove it.

How it keeps itself honest:

1. For each round it takes a fresh shoe, shuffles it with the players' own randomness in the
   draw (`ctx.start()`), and posts one commitment to the whole order of the cards:

       commitment = sha256(text + "|" + salt)      text = the shoe as JSON: ["4H","KD",...]

   That comes before the first card is dealt. From then on no card can be changed. One commitment
   for the whole shoe proves as much as one for each card, for a fiftieth of the reading.
2. Cards are dealt from the front of the shoe. Each card shown has its place in the shoe, from 0.
3. The dealer's second card, the hole card, stays face down till the dealer plays. It has a
   commitment of its own, to [place, card]; when it is turned, text and salt come with it.
4. After each round the whole shoe is opened, the cards never dealt included. Check that it has
   the posted commitment, that it is `decks` whole decks, and that each card shown lies where
   the dealer said. examples/blackjack/cards.py does all that.
5. Then the seed is revealed, so that anybody can replay the shuffle itself.

The dealer's rules, which nobody can change in the middle of a game:

- Draws to 16, stands on 17; with a soft 17 (an ace counted as 11) it stands too, or draws if
  `hit_soft_17` is set. With an ace or a ten up it looks for blackjack before anybody plays.
- Blackjack pays 3:2, other wins 1:1, a tie returns the bet. Bets are even, so that 3:2 is whole.
- Hit, stand; double on any first two cards, for one more card; split two cards of one rank,
  once: split aces get one card each; doubling after a split is fine; 21 after a split is no
  blackjack. No insurance, no surrender. At 21 a hand stands by itself.

Chips are points: they have no worth outside of this table.
"""

import re
import secrets

RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
SUITS = {"S": "\u2660", "H": "\u2665", "D": "\u2666", "C": "\u2663"}
MOVES = ("hit", "stand", "double", "split")
BET = re.compile(r"(?:i )?bet ([-+]?[0-9][0-9.,]*)(?: chips)?")
WORDS = {"hit me": "hit", "stay": "stand", "double down": "double"}
PARAMS = {"decks": 2, "hit_soft_17": False, "chips": 1000, "min_bet": 10, "max_bet": 500, "turn_seconds": None}


class BlackjackBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        # A hand sums up to 30 at most when it is over, the dealer's to 26, aces counted as 1; a deck
        # has 340. So one deck serves five players who all split, two decks more than seven.
        self.places = 5 if self.params["decks"] == 1 else 7
        self.state = ctx.get_state() or {
            "phase": "betting",  # then "playing", then "betting" for the next round ...
            "round": 0,
            "seated": [],  # slot ids of everyone here, in the order they joined
            "chips": {},  # by slot id
            "bets": {},  # for the next round
            "hands": [],  # {player, cards: places in the shoe, bet, split, doubled, over, gone}
            "turn": None,  # which hand plays
            "due": None,  # when the turn's time is up
            "dealer": [],  # places of the dealer's cards: the first is up, the second is the hole card
            "shoe": [],  # secret until the round is over
            "next": 0,  # place of the next card
            "shoe_id": None,  # what ctx.open needs
            "hole_id": None,
            "commitment": None,
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        rules = self.rules()
        self.say("rules", rules=rules, places=self.places,
                 text=f"Blackjack, {rules['decks']} deck(s), shuffled anew and committed to before each round. "
                      f"Dealer {rules['dealer']} Blackjack pays 3:2. Double on any first two cards, split one pair "
                      f"once, no insurance. Everybody has {rules['chips']} chips. Bet with `bet 50` "
                      f"({rules['min_bet']} to {rules['max_bet']}, even); cards come when all have bet, or one "
                      "who has bet says `deal`.")
        self.remember()

    def on_join(self, player_id):
        state = self.state
        if player_id not in state["seated"]:
            state["seated"].append(player_id)
            state["chips"][player_id] = self.params["chips"]
            self.say("player_joined", player=player_id, chips=self.params["chips"],
                     text=f"{self.name(player_id)} sits down with {self.params['chips']} chips.")
            self.remember()

    def on_leave(self, player_id):
        state = self.state
        if player_id not in state["seated"]:
            return
        state["seated"].remove(player_id)
        del state["chips"][player_id]
        state["bets"].pop(player_id, None)
        self.say("player_left", player=player_id, text=f"{self.name(player_id)} leaves. Open hands stand.")
        for each in state["hands"]:
            if each["player"] == player_id:
                each.update(over=True, gone=True)
        if state["phase"] == "playing":
            self.go_on()
        elif state["bets"]:
            self.deal_if_all_have_bet()
        self.remember()

    def on_message(self, msg):
        player = msg["sender"]
        if msg["kind"] != "user" or player not in self.state["seated"]:
            return
        action, value = read(msg["body"] or {})
        if action == "bet":
            self.bet(player, value)
        elif action == "deal":
            self.deal_now(player)
        elif action == "rebuy":
            self.rebuy(player)
        elif action in MOVES:
            self.move(player, action)
        elif action in ("!status", "!help"):
            self.ctx.post("bot", self.status() if action == "!status" else self.help())
        else:
            return  # ordinary talk
        self.remember()

    def on_private_message(self, slot_id, msg):
        if slot_id in [player["slot_id"] for player in self.ctx.players]:
            action, _ = read(msg)
            self.ctx.dm(slot_id, "private", self.status() if action == "!status" else self.help())

    def on_timer(self, name):
        state = self.state
        if name != "turn" or state["turn"] is None or self.ctx.now < state["due"]:
            return  # of a turn that is over
        player = state["hands"][state["turn"]]["player"]
        self.say("time_up", player=player, text=f"{self.name(player)}'s time is up: the hand stands.")
        state["hands"][state["turn"]]["over"] = True
        self.go_on()
        self.remember()

    # ---- Betting ---------------------------------------------------------------------

    def bet(self, player, amount):
        state, low, high = self.state, self.params["min_bet"], self.params["max_bet"]
        if state["phase"] == "playing":
            return self.violation(player, "ROUND_RUNS", "bets are taken when this round is over.")
        if not (whole(amount) and low <= amount <= high and amount % 2 == 0):
            return self.violation(player, "BAD_BET", f"a bet is one even number from {low} to {high}: `bet {low}`.")
        if amount > state["chips"][player]:
            return self.violation(player, "NO_CHIPS", f"you have {state['chips'][player]} chips.")
        if player not in state["bets"] and len(state["bets"]) == self.places:
            return self.violation(player, "TABLE_FULL", f"{self.places} have bet already; join the next round.")
        state["bets"][player] = amount
        waiting = [seat for seat in state["seated"] if seat not in state["bets"]]
        self.say("bet", player=player, amount=amount, waiting_for=waiting,
                 text=f"{self.name(player)} bets {amount}."
                      + (f" Waiting for {self.names(waiting)}, or for `deal`." if waiting else ""))
        self.deal_if_all_have_bet()

    def deal_if_all_have_bet(self):
        bets, seated = self.state["bets"], self.state["seated"]
        if len(bets) == self.places or all(seat in bets for seat in seated):
            self.deal()

    def deal_now(self, player):
        if self.state["phase"] == "playing":
            self.violation(player, "ROUND_RUNS", "the cards are dealt.")
        elif player not in self.state["bets"]:
            self.violation(player, "NO_BET", "bet first.")
        else:
            self.deal()

    def rebuy(self, player):
        plays = any(hand["player"] == player for hand in self.state["hands"])
        if self.state["chips"][player] >= self.params["min_bet"] or plays:
            return self.violation(player, "BAD_MOVE", "you get new chips when you can't bet any more.")
        self.state["chips"][player] = self.params["chips"]
        self.say("rebuy", player=player, chips=self.params["chips"],
                 text=f"{self.name(player)} starts again with {self.params['chips']} chips.")

    # ---- The deal: shuffle and commit ------------------------------------------------

    def deal(self):
        state = self.state
        contributors = self.ctx.start()  # from here on the players' randomness is in every draw
        shoe = [rank + suit for rank in RANKS for suit in SUITS] * self.params["decks"]
        for last in range(len(shoe) - 1, 0, -1):  # Fisher and Yates: every order is as likely
            other = secrets.randbelow(last + 1)
            shoe[last], shoe[other] = shoe[other], shoe[last]
        committed = self.ctx.commit(shoe)
        players = [seat for seat in state["seated"] if seat in state["bets"]]
        state.update(phase="playing", round=state["round"] + 1, shoe=shoe, next=0, dealer=[], turn=None,
                     shoe_id=committed["id"], commitment=committed["commitment"],
                     hands=[hand(player, state["bets"][player]) for player in players], bets={})
        for player_hand in state["hands"]:
            state["chips"][player_hand["player"]] -= player_hand["bet"]
        self.say("round_start", round=state["round"], players=players, commitment=committed["commitment"],
                 formula=committed["formula"], cards=len(shoe), entropy_from=contributors,
                 text=f"Round {state['round']}: {self.names(players)}. The shoe of {len(shoe)} cards is shuffled and "
                      f"can't be changed any more: {committed['commitment']}. Randomness in the shuffle from: "
                      f"{self.names(contributors) or 'the relay only'}.")
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
                 hands=[self.told(each) for each in state["hands"]],
                 text="; ".join(f"{self.name(each['player'])}: {self.pretty(each['cards'])}" for each in state["hands"])
                      + f". Dealer: {self.pretty([up])} and a card face down, {hidden['commitment']}.")
        if value(shoe[up]) >= 10 and total(self.cards(state["dealer"]))[0] == 21:
            self.finish()  # the dealer's blackjack ends the round at once
        else:
            self.go_on()

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
        if action in ("double", "split"):
            if len(mine["cards"]) != 2:
                return self.violation(player, "BAD_MOVE", f"you can {action} on your first two cards only.")
            if state["chips"][player] < mine["bet"]:
                return self.violation(player, "NO_CHIPS", f"to {action} takes another {mine['bet']} chips; "
                                      f"you have {state['chips'][player]}.")
        if action == "split":
            first, second = self.cards(mine["cards"])
            if mine["split"] or first[:-1] != second[:-1]:
                return self.violation(player, "BAD_MOVE", "only two cards of one rank can be split, and only once.")
        getattr(self, action)(mine)
        self.go_on()

    def hit(self, mine):
        mine["cards"].append(self.draw())
        points, _ = total(self.cards(mine["cards"]))
        mine["over"] = points >= 21
        ending = " Bust!" if points > 21 else ""
        self.played(mine, "hit", f"draws {self.pretty(mine['cards'][-1:])}: {points}.{ending}")

    def stand(self, mine):
        mine["over"] = True
        self.played(mine, "stand", f"stands at {total(self.cards(mine['cards']))[0]}.")

    def double(self, mine):
        self.state["chips"][mine["player"]] -= mine["bet"]
        mine["bet"] *= 2
        mine["cards"].append(self.draw())
        mine.update(doubled=True, over=True)
        self.played(mine, "double", f"doubles to {mine['bet']} and draws {self.pretty(mine['cards'][-1:])}: "
                                    f"{total(self.cards(mine['cards']))[0]}.")

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
        hands = [self.told(each) for each in (mine, other) if each]
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
        if seconds:
            state["due"] = self.ctx.now + seconds
            self.ctx.timer("turn", seconds)
        clock = f" You have {seconds} s." if seconds else ""
        self.say("turn", player=mine["player"], hand=self.told(mine), seconds=seconds,
                 text=f"{self.name(mine['player'])}, {self.pretty(mine['cards'])} is "
                      f"{total(self.cards(mine['cards']))[0]}: hit, stand, double or split?{clock}")

    # ---- The end of a round: the dealer plays, pays, and opens the shoe --------------

    def finish(self):
        state = self.state
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
        self.say("round_end", round=state["round"], results=results, dealer_total=points, chips=dict(state["chips"]),
                 text="; ".join(f"{self.name(r['player'])} {r['outcome']} ({r['net']:+d})" for r in results)
                      + ". Chips: " + ", ".join(f"{self.name(p)} {c}" for p, c in state["chips"].items())
                      + ". Bet for the next round.")
        opened = self.ctx.open(state["shoe_id"])
        self.say("shoe_opened", round=state["round"], shoe=opened["value"], dealt=state["next"], salt=opened["salt"],
                 commitment=opened["commitment"], formula=opened["formula"],
                 text=f"The shoe is open. Check me: {opened['formula']} over the shoe as compact JSON and the salt "
                      f"{opened['salt']} is {opened['commitment']}, which I posted before the deal.")
        state.update(phase="betting", hands=[], turn=None, dealer=[], shoe=[], shoe_id=None, hole_id=None)
        try:
            self.ctx.reveal()
        except RuntimeError:
            pass  # a bot has about a thousand seeds; after that, the commitments stand alone

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
        if not mine["gone"]:  # who left, left the chips too
            self.state["chips"][mine["player"]] += back
        return dict(self.told(mine), outcome=outcome, net=back - mine["bet"])

    # ---- Small things ----------------------------------------------------------------

    def cards(self, places):
        return [self.state["shoe"][place] for place in places]

    def points(self, mine):
        return total(self.cards(mine["cards"]))[0]

    def natural(self, mine):
        return not mine["split"] and len(mine["cards"]) == 2 and self.points(mine) == 21

    def shown(self, places):
        return [{"place": place, "card": self.state["shoe"][place]} for place in places]

    def told(self, mine):
        return {"player": mine["player"], "cards": self.shown(mine["cards"]), "total": self.points(mine),
                "bet": mine["bet"], "doubled": mine["doubled"], "split": mine["split"]}

    def pretty(self, places):
        return " ".join(card[:-1] + SUITS[card[-1]] for card in self.cards(places))

    def rules(self):
        dealer = "draws on soft 17 (H17)." if self.params["hit_soft_17"] else "stands on all 17 (S17)."
        return dict(self.params, dealer=dealer, blackjack_pays="3:2", double="any first two cards",
                    split="two cards of one rank, once", insurance=False)

    def status(self):
        """What everyone may know. The shoe and the hole card are not in it."""
        state = self.state
        playing = state["phase"] == "playing"
        turn = state["hands"][state["turn"]]["player"] if playing else None
        text = f"Round {state['round']}: it is {self.name(turn)}'s turn." if playing else "Bets are open."
        chips = ", ".join(f"{self.name(player)} {chips}" for player, chips in state["chips"].items())
        return {"type": "status", "phase": state["phase"], "round": state["round"], "turn": turn, "bets": state["bets"],
                "chips": state["chips"], "hands": [self.told(each) for each in state["hands"]],
                "dealer_up": self.shown(state["dealer"][:1]), "commitment": state["commitment"],
                "rules": self.rules(), "text": f"{text} Chips: {chips or 'nobody sits here'}."}

    def help(self):
        commands = ["bet 50 - your bet for the next round", "deal - start with those who have bet", "hit", "stand",
                    "double", "split", "rebuy - new chips when you are broke", "!status", "!help"]
        return {"type": "help", "commands": commands, "text": "Post in the channel: " + "; ".join(commands)
                + ". Programs post data such as {\"type\": \"move\", \"action\": \"bet\", \"value\": 50}."}

    def violation(self, player, reason, details):
        """Says that a move doesn't count. It costs the player nothing."""
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
    """(points, soft): aces count 11 as long as that is no bust; soft if one still does."""
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
    low, high, chips = chosen["min_bet"], chosen["max_bet"], chosen["chips"]
    if not (whole(low) and whole(high) and whole(chips) and 2 <= low <= high <= 10**9 and low <= chips <= 10**12):
        raise ValueError("'min_bet', 'max_bet' and 'chips' must be whole numbers, 2 <= min_bet <= max_bet, min_bet <= chips.")
    seconds = chosen["turn_seconds"]
    if seconds is not None and not (whole(seconds) and 1 <= seconds <= 86400):
        raise ValueError("'turn_seconds' must be a whole number from 1 to 86400, or left out.")
    return chosen


def read(body):
    """What a message asks for: (action, value). Ordinary talk is (None, None)."""
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
