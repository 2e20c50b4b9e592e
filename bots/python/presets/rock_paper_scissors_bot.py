"""RockPaperScissorsBot: referee of rock, paper, scissors with sealed choices, best of several rounds.

The first two players who join play; others watch. The game starts when all seats are taken, or when two players say
`start`. While it runs, the bot holds the seats: nobody can be kicked.

1. For each throw both players send the bot a choice by private message (`dm_bot`). A choice is sealed: it can't be changed, and
   nobody else sees it. The log has the message from then on, as an entry that only its sender and the bot can read.
2. When both have chosen, both choices are posted at once. Rock beats scissors, scissors beat paper, paper beats rock.
3. A tie is thrown again, at most `replays` times in a round; then nobody wins the round.
4. The game ends when a player's lead can't be made up in the rounds that are left. Level after the last round is a draw.
5. At the end of each game the bot opens all private messages between it and the players (`ctx.unseal()`), if its manifest has
   "unseals": true. Then a replay shows that the choices that it posted are those that the players sent.

With `turn_seconds`, whoever has not chosen in time loses the round (`on_timeout="round"`) or the game (`on_timeout="game"`). If
neither has, nobody wins it. A choice that was sealed in time is posted then, too. If the channel is closed during a game, nobody
wins it, and the throw in progress does not count. Nothing is drawn at random.

By private message: `rock`, `paper`, `scissors`, or the first letter; `concede`, `!status`, `!help`. In public: `concede`, `start`
or `rematch`, `!status`, `!help`. A choice that is posted in public does not count. Data: {"choice": "rock"}, or
{"type": "move", "action": "choose", "value": "rock"}. A move may name its turn, {"choice": "rock", "turn_id": 3}; if that is not
the present turn, the move does not count. Each throw is a turn. Other public messages are ignored, so that players can talk.
"""

import datetime
import re

BEATS = {"rock": "scissors", "scissors": "paper", "paper": "rock"}
CHOICES = ("rock", "paper", "scissors")
CHOICE = re.compile(r"(?:(?:i )?(?:choose|pick|play|take|throw) |my (?:choice|move) is )?(rock|paper|scissors|r|p|s)")
HOLD_SECONDS, LONGEST_HOLD = 3600, 86400  # how long the seats are held after a move; the turn clock adds to it
PARAMS = {"rounds": 3, "replays": 5, "turn_seconds": None, "on_timeout": "round"}


class RockPaperScissorsBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.state = ctx.get_state() or {
            "phase": "waiting",  # then "playing", then "over", then "playing" again ...
            "game": 0,
            "seated": [],  # slot ids of everyone here, in the order they joined
            "players": [],  # the two players
            "ready": [],  # players who posted `start` or `rematch`
            "round": 0,
            "throw": 0,  # number of the throw in this round
            "played": [],  # for each finished round: the last choices of both, the ties before, and the slot id of the winner
            "turn_id": 0,  # number of the current throw, counted over all games
            "due": None,  # when the turn's time is up
            "held_until": None,  # until when the seats are held
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        rounds, clock = self.params["rounds"], self.params["turn_seconds"]
        self.say("bot", "prompt", rounds=rounds, turn_seconds=clock, on_timeout=self.params["on_timeout"],
                 text=f"Rock, paper, scissors, best of {rounds}: the game starts when every seat is taken, or when two players say "
                      "`start`. Send me your choices by private message (dm_bot). All private messages to me are opened to "
                      "everybody after the game."
                      + (f" A throw has {clock} s; a player who misses it loses the {self.params['on_timeout']}." if clock else ""))
        self.remember()

    def on_join(self, player_id):
        if player_id not in self.state["seated"]:
            self.state["seated"].append(player_id)
            self.remember()

    def on_ready(self):
        if self.state["phase"] == "waiting" and len(self.state["seated"]) >= 2:
            self.start_game(self.state["seated"][:2])
            self.remember()

    def on_leave(self, player_id):
        for group in ("seated", "ready"):
            self.state[group] = [seat for seat in self.state[group] if seat != player_id]
        if self.state["phase"] == "playing" and player_id in self.state["players"]:
            self.end_game(self.other(player_id), "leave", f"{self.name(player_id)} left.")
        if self.state["phase"] == "over" and len(self.state["seated"]) < 2:
            self.state["phase"] = "waiting"
        self.remember()

    def on_message(self, msg):
        player = msg["sender"]
        if msg["kind"] != "user" or player not in self.state["seated"]:
            return
        body = msg["body"] or {}
        action, _ = read(body)
        if action == "choose" and self.state["phase"] == "playing" and player in self.state["players"]:
            self.violation(player, "PUBLIC_CHOICE", "everybody has seen that, so it does not count. Choose anew, and send it to "
                                                    "me by private message (dm_bot).")
        elif action == "concede":
            self.concede(player, body.get("turn_id"))
        elif action == "start":
            self.vote(player)
        elif action in ("!status", "!help"):
            self.ctx.post("bot", self.status() if action == "!status" else self.help())
        else:
            return  # conversation
        self.remember()

    def on_private_message(self, slot_id, msg):
        if slot_id not in [player["slot_id"] for player in self.ctx.players]:
            return
        action, choice = read(msg)
        if action == "choose":
            self.choose(slot_id, choice, msg.get("turn_id"))
        elif action == "concede":
            self.concede(slot_id, msg.get("turn_id"), private=True)
        else:
            self.ctx.dm(slot_id, "private", self.status() if action == "!status" else self.help())
        self.remember()

    def on_timer(self, name):
        state = self.state
        if name != "turn" or state["phase"] != "playing" or self.ctx.now < state["due"]:
            return  # the timer of an earlier turn
        late = self.waiting_for()
        winner = self.other(late[0]) if len(late) == 1 else None
        why = f"Time is up, and {self.names(late, ' and ')} did not choose."
        if self.params["on_timeout"] == "game":
            self.end_game(winner, "time", why)
        else:
            self.finish_round(winner, "time", why + " ")
        self.remember()

    def on_close(self):
        if self.state["phase"] == "playing":
            self.end_game(None, "closed", "The channel is being closed.")
            self.remember()

    # ---- The game --------------------------------------------------------------------

    def start_game(self, players):
        state = self.state
        state.update(phase="playing", players=players, ready=[], game=state["game"] + 1, round=1, throw=1, played=[])
        self.hold_seats()
        self.say("bot", "game_start", game=state["game"], players=players, rounds=self.params["rounds"], board=self.board(),
                 text=f"Game {state['game']}: {self.names(players, ' against ')}, best of {self.params['rounds']}.")
        self.give_turn()

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

    def give_turn(self):
        """Asks both players for a choice."""
        state, seconds = self.state, self.params["turn_seconds"]
        state["turn_id"] += 1
        if seconds:
            state["due"] = self.ctx.now + seconds
            self.ctx.timer("turn", seconds)
        again = f", throw {state['throw']}" if state["throw"] > 1 else ""
        self.say("control", "bot:turn", round=state["round"], throw=state["throw"], **self.offer(),
                 text=f"Round {state['round']} of {self.params['rounds']}{again}. {self.names(state['players'], ' and ')}: send me "
                      "rock, paper or scissors by private message (dm_bot).")

    def offer(self):
        """Returns the fields of a post that ask for the choices that are missing."""
        offer = {"turn": self.waiting_for(), "turn_id": self.state["turn_id"], "actions": list(CHOICES), "private": True,
                 "other_actions": ["concede"]}
        return offer | ({"deadline": timestamp(self.state["due"])} if self.params["turn_seconds"] else {})

    def choice_of(self, player):
        """Returns the sealed choice of a player in this turn; None without one."""
        try:
            kept = self.ctx.seat(player)
        except ValueError:
            return None  # the player has left
        return CHOICES[kept["choice"]] if kept.get("turn_id") == self.state["turn_id"] else None

    def waiting_for(self):
        return [player for player in self.state["players"] if self.choice_of(player) is None]

    def choose(self, player, choice, turn_id):
        if not self.may_play(player, turn_id, private=True):
            return
        if choice is None:
            return self.violation(player, "BAD_MOVE", "choose rock, paper or scissors.", private=True)
        if self.choice_of(player):
            return self.violation(player, "ALREADY_SEALED", "your choice is sealed and can't be changed.", private=True)
        self.hold_seats()
        # A choice counts in its turn only, so that none is left over for another one.
        self.ctx.seat(player).update(choice=CHOICES.index(choice), turn_id=self.state["turn_id"])
        waiting = self.waiting_for()
        if waiting:
            self.say("bot", "sealed", player=player, **self.offer(),
                     text=f"{self.name(player)} has chosen. Waiting for {self.names(waiting)}.")
        else:
            self.show_choices()

    def show_choices(self):
        state = self.state
        one, two = state["players"]
        winner = next((p for p, q in ((one, two), (two, one)) if BEATS[self.choice_of(p)] == self.choice_of(q)), None)
        if winner is None and state["throw"] <= self.params["replays"]:
            self.say_choices(None, "tie", "A tie: throw again.")
            state["throw"] += 1
            self.give_turn()
        else:
            self.finish_round(winner, "won" if winner else "drawn")

    def say_choices(self, winner, result, text, **fields):
        state = self.state
        choices = {player: self.choice_of(player) for player in state["players"]}
        shown = ", ".join(f"{self.name(player)}: {choice or 'nothing'}" for player, choice in choices.items())
        self.say("bot", "revealed", round=state["round"], throw=state["throw"], choices=choices, result=result, winner=winner,
                 **fields, text=f"{shown}. {text}")

    def finish_round(self, winner, result, why=""):
        """Posts the choices and the result of a round; begins the next round, or ends the game if it is decided."""
        state = self.state
        state["played"].append([*[self.choice_of(player) for player in state["players"]], state["throw"] - 1, winner])
        score = self.score()
        one, two = score.values()
        standing = ", ".join(f"{self.name(player)} {points}" for player, points in score.items())
        ending = f"{self.name(winner)} wins" if winner else "Nobody wins"
        self.say_choices(winner, result, f"{why}{ending} round {state['round']}. Score: {standing}.",
                         score=score, board=self.board())
        left = self.params["rounds"] - state["round"]
        if abs(one - two) > left or left == 0:
            leader = None if one == two else max(score, key=score.get)
            self.end_game(leader, "rounds", f"The score is {one} to {two}.")
        else:
            state.update(round=state["round"] + 1, throw=1)
            self.give_turn()

    def concede(self, player, turn_id, private=False):
        if self.may_play(player, turn_id, private):
            self.end_game(self.other(player), "concede", f"{self.name(player)} concedes.")

    def end_game(self, winner, reason, why):
        state = self.state
        state.update(phase="over", due=None)
        self.release_seats()
        if self.params["turn_seconds"]:
            self.ctx.timer("turn", None)
        opened = self.unseal()
        ending = f"{self.name(winner)} wins" if winner else "Nobody wins" if reason in ("closed", "time") else "A draw"
        opening = " The private messages are in the receipt now, so that everybody can check the choices." if opened else ""
        advice = "" if reason == "closed" else "\nSay `rematch` to play again."
        self.say("bot", "game_end", game=state["game"], winner=winner, reason=reason, score=self.score(), players=state["players"],
                 board=self.board(), unsealed=opened, turn=[], text=f"{why} {ending}.{opening}{advice}")

    def unseal(self):
        """Opens the private messages; returns False if the manifest does not say that the bot does that."""
        try:
            self.ctx.unseal()
            return True
        except RuntimeError:
            return False

    def vote(self, player):
        state = self.state
        pair = [seat for seat in state["players"] if seat in state["seated"]]
        pair += [seat for seat in state["seated"] if seat not in pair]
        pair = pair[:2]
        if state["phase"] == "playing" or player not in pair or len(pair) < 2:
            self.ctx.post("bot", self.status())
            return
        state["ready"] = [seat for seat in {player: 1, **dict.fromkeys(state["ready"])} if seat in pair]
        if len(state["ready"]) == 2:
            self.start_game(pair)
        else:
            other = next(seat for seat in pair if seat != player)
            self.say("bot", "start_vote", ready=state["ready"],
                     text=f"{self.name(player)} wants to play. {self.name(other)} has to say `start`, too.")

    # ---- Status, help and names ------------------------------------------------------

    def may_play(self, player, turn_id, private):
        """Returns whether the player may move now, in the turn that the move names; if not, says why."""
        state, now = self.state, self.state["turn_id"]
        if state["phase"] == "waiting":
            self.violation(player, "GAME_NOT_STARTED", "the game hasn't started. Say `start`, or wait for the others.", private)
        elif state["phase"] == "over":
            self.violation(player, "GAME_OVER", "the game is over. Say `rematch` in public to play again.", private)
        elif player not in state["players"]:
            self.violation(player, "NOT_A_PLAYER", "you are watching this game.", private)
        elif turn_id not in (None, now):
            over = f"turn {turn_id} is over" if whole(turn_id) and 0 < turn_id < now else "there is no such turn"
            self.violation(player, "STALE_TURN", f"{over}; this is turn {now}.", private)
        else:
            return True
        return False

    def violation(self, player, reason, details, private=False):
        """Says that a move is invalid: privately if the move was private. It has no other effect."""
        body = {"type": "violation", "reason": reason, "player": player, "details": details,
                "text": f"{self.name(player)}: {details}"}
        if private:
            self.ctx.dm(player, "private", body)
        else:
            self.ctx.post("control", body)

    def other(self, player):
        return next(seat for seat in self.state["players"] if seat != player)

    def score(self):
        """Returns how many rounds each player has won."""
        winners = [winner for *_, winner in self.state["played"]]
        return {player: winners.count(player) for player in self.state["players"]}

    def board(self):
        """Returns the rounds so far as programs draw them."""
        rows = []
        for number, (one, two, ties, winner) in enumerate(self.state["played"], 1):
            after = f" after {ties} tie{'s' if ties > 1 else ''}" if ties else ""
            rows.append([f"round {number}{after}", one or "nothing", two or "nothing", self.name(winner) if winner else "nobody"])
        return {"kind": "table", "columns": ["", *[self.name(player) for player in self.state["players"]], "won by"], "rows": rows}

    def status(self):
        state = self.state
        plays = state["phase"] == "playing"
        waiting = self.waiting_for() if plays else []
        text = {"waiting": "The game has not started.", "over": "The game is over."}.get(state["phase"])
        return {"type": "status", "phase": state["phase"], "game": state["game"], "players": state["players"],
                "round": state["round"], "throw": state["throw"], "rounds": self.params["rounds"], "score": self.score(),
                "turn_id": state["turn_id"],
                "sealed": [player for player in state["players"] if plays and player not in waiting], "board": self.board(),
                "text": text or f"Round {state['round']} of {self.params['rounds']}: waiting for {self.names(waiting, ' and ')}."}

    def help(self):
        commands = ["rock, paper or scissors - your choice, by private message only", "concede",
                    "start or rematch - play, in public", "!status", "!help"]
        return {"type": "help", "commands": commands,
                "text": "; ".join(commands) + ". Programs send {\"choice\": \"rock\"} as data of the private message."}

    def name(self, slot_id):
        return {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}.get(slot_id) or slot_id

    def names(self, slot_ids, separator=", "):
        return separator.join(self.name(slot_id) for slot_id in slot_ids)

    def say(self, kind, event, **fields):
        self.ctx.post(kind, dict(fields, type=event))

    def remember(self):
        self.ctx.set_state(self.state)


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
            raise ValueError(f"RockPaperScissorsBot has no parameter '{name}'. It has: {', '.join(chosen)}.")
    chosen.update(params)
    rounds, replays, seconds = chosen["rounds"], chosen["replays"], chosen["turn_seconds"]
    if not (whole(rounds) and 1 <= rounds <= 15 and rounds % 2 == 1):
        raise ValueError("'rounds' must be an odd number from 1 to 15.")
    if not (whole(replays) and 0 <= replays <= 20):
        raise ValueError("'replays' must be a whole number from 0 to 20.")
    if seconds is not None and not (whole(seconds) and 1 <= seconds <= 86400):
        raise ValueError("'turn_seconds' must be a whole number from 1 to 86400, or left out.")
    if chosen["on_timeout"] not in ("round", "game"):
        raise ValueError("'on_timeout' must be \"round\" or \"game\".")
    return chosen


def read(body):
    """Parses a message: returns (action, choice), or (None, None) for conversation."""
    if "choice" in body:  # as data: {"choice": "rock"}
        return "choose", choice(body["choice"])
    if body.get("type") == "move":  # or {"type": "move", "action": "choose", "value": "rock"}
        action = body.get("action")
        if action == "rematch":
            action = "start"
        return (action, choice(body.get("value"))) if isinstance(action, str) else (None, None)
    text = str(body.get("text", "")).strip().lower()
    plain = text.lstrip("*_`\"' ").rstrip("!.*_`\"' ")
    if text in ("!status", "!help"):
        return text, None
    if plain in ("concede", "i concede"):
        return "concede", None
    if plain in ("rematch", "start", "again"):
        return "start", None
    found = CHOICE.fullmatch(plain)
    return ("choose", choice(found[1])) if found else (None, None)


def choice(value):
    """Returns the choice that a text means, such as "rock" or "r"; None if there is no such choice."""
    text = value.strip().lower() if isinstance(value, str) else ""
    return next((name for name in CHOICES if text in (name, name[0])), None)
