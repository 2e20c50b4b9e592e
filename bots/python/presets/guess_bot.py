"""GuessBot: referee of a number guessing game, which proves that it did not cheat.

1. Before a game, it asks for the randomness of everybody who is seated (`ctx.start()`). Once that is there
   (`on_start`), every draw uses it, so that nobody alone decides it. `entropy_from` names these players.
   Then it draws a secret `target` and a random `salt`, and publishes in the same hook

       commitment_hash = sha256(str(target) + salt)        (64 hex digits)

   It judges no guess before that. The hash does not give the number away: whoever tries
   every number from 1 to 100 would also have to guess 128 random bits of salt.

2. It judges every guess against that target, by the rules in this file.

3. When the game ends, it reveals {target, salt, hash}, also when the channel is closed in the
   middle of a game. Compute the hash yourself. If it is the one published at the start, the number
   was never changed. The hashed text can't be read in two ways: a salt starts with "|" and always
   has 33 characters, so "42|ab.." is the number 42 and never the number 4.

4. Then it reveals the seed (`ctx.reveal()`). The hash can't show that the draw was random; with the
   seed, anybody can replay `on_start` and must get the same number. Check that this text is the
   code that runs: its SHA-256 is the `code_hash` in the log. A revealed seed also opens private
   messages to and from GuessBot during that game; it takes no secrets there.

While a game runs, the bot holds the seats: nobody can be kicked.

With the parameter `turn_seconds` a turn has a clock: a warning when a third of the time is left (20 s at most).
When the time is up, the turn passes to the next player (`on_timeout="pass"`) or the player is out of the
game (`on_timeout="forfeit"`).

Turns are numbered: `turn_id` is 1, 2, 3, ... A move may name its turn, as data: {"guess": 42, "turn_id": 3}. If that is
not the present turn, the move does not count.

Commands: `start`, `guess 42` (or just `42`), `concede`, `!status`, `!help`.
All other messages are ignored, so that players can talk.
"""

import datetime
import hashlib
import re
import secrets

FORMULA = "sha256(str(target) + salt), as 64 hex digits"
LARGEST = 2**53 - 1  # the largest whole number that every JSON parser represents exactly
HOLD_SECONDS, LONGEST_HOLD = 3600, 86400  # how long the seats are held after a move; the turn clock adds to it

# A number that stands alone: finds 42 in "is it 42?" and 4.5 in "4.5", nothing in "s1" or "2nd".
NUMBER = re.compile(r"(?<![\w.])[-+]?[0-9]+(?:[.,][0-9]+)*(?!\w|[.,][0-9])")
GUESS = re.compile(r"\bguess(es|ed)?\b")
PARAMS = {"mode": "number", "range": [1, 100], "turn_order": "join", "max_guesses": None, "turn_seconds": None,
          "on_timeout": "pass"}


class GuessBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.read_params(params or {})
        # Every hook gets a new GuessBot. Only this state lasts from one to the next.
        self.state = ctx.get_state() or {
            "phase": "waiting",  # then "starting", "playing", "over", then "starting" again ...
            "game": 0,  # number of the current game
            "seated": [],  # slot ids of everyone here, in the order they joined
            "ready": [],  # players who posted `start`
            "players": [],  # players of the current game, in turn order
            "out": [],  # players who conceded, left, or forfeited
            "turn": None,  # whose turn it is
            "turn_id": 0,  # number of the current turn, counted over all games
            "due": None,  # when the turn's time is up, if it has a clock
            "passed": 0,  # turns in a row that ran out of time
            "guesses": 0,
            "target": None,  # secret until the game ends
            "salt": None,  # secret until the game ends
            "hash": None,  # the published commitment
            "held_until": None,  # until when the seats are held
        }

    def read_params(self, params):
        chosen = dict(PARAMS)
        for name in params:
            if name not in chosen:
                raise ValueError(f"GuessBot has no parameter '{name}'. It has: {', '.join(chosen)}.")
        chosen.update(params)
        span, most = chosen["range"], chosen["max_guesses"]
        if chosen["mode"] != "number":
            raise ValueError("'mode' must be \"number\".")
        if not (isinstance(span, list) and len(span) == 2 and whole(span[0]) and whole(span[1])
                and -LARGEST <= span[0] < span[1] <= LARGEST):
            raise ValueError("'range' must be two whole numbers, the smaller first, such as [1, 100].")
        if chosen["turn_order"] not in ("join", "random"):
            raise ValueError("'turn_order' must be \"join\" or \"random\".")
        if most is not None and not (whole(most) and most >= 1):
            raise ValueError("'max_guesses' must be a whole number of at least 1, or left out.")
        seconds = chosen["turn_seconds"]
        if seconds is not None and not (whole(seconds) and 1 <= seconds <= 86400):
            raise ValueError("'turn_seconds' must be a whole number from 1 to 86400, or left out.")
        if chosen["on_timeout"] not in ("pass", "forfeit"):
            raise ValueError("'on_timeout' must be \"pass\" or \"forfeit\".")
        self.low, self.high = span
        self.params = chosen

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        seconds = self.params["turn_seconds"]
        clock = f" A turn has {seconds} s; then it is a {self.params['on_timeout']}." if seconds else ""
        params = {name: value for name, value in self.params.items() if value is not None and name not in ("mode", "on_timeout")}
        self.say("bot", "prompt", **params,
                 text=f"Guess the number between {self.low} and {self.high}! The game starts when "
                      f"every seat is taken, or when two players have said `start`.{clock}")
        self.remember()

    def on_join(self, player_id):
        seated = self.state["seated"]
        if player_id in seated:
            return
        seated.append(player_id)
        later = " A game is in progress; you can play in the next one." if self.state["phase"] == "playing" else ""
        self.say("bot", "player_joined", player=player_id, player_count=len(seated),
                 text=f"{self.name(player_id)} joined.{later}")
        self.remember()

    def on_ready(self):
        if self.state["phase"] == "waiting" and self.state["seated"]:
            self.ask_for_randomness()
            self.remember()

    def on_leave(self, player_id):
        for group in ("seated", "ready"):
            self.state[group] = [seat for seat in self.state[group] if seat != player_id]
        if self.state["phase"] == "playing" and player_id in self.active():
            self.say("bot", "player_left", player=player_id,
                     text=f"{self.name(player_id)} left and is out of the game.")
            self.drop(player_id, "leave")
        self.remember()

    def on_message(self, msg):
        player = msg["sender"]
        if msg["kind"] != "user" or player not in self.state["seated"]:
            return
        body = msg["body"] or {}
        action, number = read(body)
        if action is None:
            return  # conversation
        if action == "guess":
            self.guess(player, number, body.get("turn_id"))
        elif action == "concede":
            self.concede(player, body.get("turn_id"))
        elif action == "start":
            self.vote(player)
        elif action == "!status":
            self.ctx.post("bot", self.status())
        elif action == "!help":
            self.ctx.post("bot", self.help())
        self.remember()

    def on_private_message(self, slot_id, msg):
        if not any(player["slot_id"] == slot_id for player in self.ctx.players):
            return  # the player has left
        word = str(msg.get("text", "")).strip().lower()
        if word in ("!status", "status"):
            self.ctx.dm(slot_id, "private", self.status())
        elif word in ("!help", "help"):
            self.ctx.dm(slot_id, "private", self.help())
        else:
            self.ctx.dm(slot_id, "private", {"type": "error", "text": "In private I answer only "
                        "!status and !help. Moves are public: post them in the channel."})

    def on_timer(self, name):
        state, now = self.state, self.ctx.now
        if state["phase"] != "playing" or state["due"] is None:
            return
        player, left = state["turn"], round(state["due"] - now)
        if name == "warn" and 0 < left <= self.warning():
            self.say("control", "bot:clock", player=player, seconds_left=left,
                     text=f"{self.name(player)}, {left} s are left for your guess.")
        elif name == "turn" and now >= state["due"]:
            self.time_up(player)
        self.remember()

    def on_close(self):
        if self.state["phase"] == "playing":
            self.end_game(None, "closed")
            self.remember()

    # ---- Start: draw and commit ------------------------------------------------------

    def vote(self, player):
        state = self.state
        if state["phase"] in ("starting", "playing"):
            if state["phase"] == "starting":
                self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
            self.ctx.post("bot", self.status())
            return
        if player not in state["ready"]:
            state["ready"].append(player)
        missing = self.fewest() - len(state["ready"])
        if missing > 0:
            self.say("bot", "start_vote", ready=state["ready"], missing=missing,
                     text=f"{self.name(player)} is ready. One more player has to say `start`.")
        else:
            self.ask_for_randomness()

    def ask_for_randomness(self):
        self.state.update(phase="starting", ready=[])
        self.hold_seats()
        self.ctx.start()

    def on_start(self, contributors, missing):
        """Starts the game. Until now the request was pending, and players may have joined and left."""
        state = self.state
        may_post = [player["slot_id"] for player in self.ctx.players if player["may_post"]]
        players = [player for player in state["seated"] if player in may_post]
        if len(players) < self.fewest():
            self.call_off()
            return
        if self.params["turn_order"] == "random":
            players.sort(key=lambda player: secrets.randbelow(2**64))
        target = self.low + secrets.randbelow(self.high - self.low + 1)
        salt = "|" + secrets.token_hex(16)
        state.update(phase="playing", game=state["game"] + 1, players=players, out=[],
                     guesses=0, passed=0, target=target, salt=salt, hash=commitment(target, salt))
        missing = [player for player in players if player not in contributors]
        givers = self.names(contributors) or "the relay only"
        givers += f"; {self.names(missing)} gave none" if missing else ""
        self.say("bot", "game_start", game=state["game"], players=players, entropy_from=contributors, missing=missing,
                 text=f"Game {state['game']} starts: one number from {self.low} to {self.high}. "
                      f"Turn order: {self.names(players)}. Randomness in the draw from: {givers}.")
        self.say("control", "bot:commit", game=state["game"], commitment_hash=state["hash"],
                 formula=FORMULA,
                 text=f"I have drawn a number from {self.low} to {self.high}. The commitment_hash fixes it; at the end I "
                      "reveal target and salt, so that everybody can check it.")
        self.give_turn(players[0])
        self.remember()

    def call_off(self):
        """Calls the game off before anything was drawn, because too few players are left."""
        self.state["phase"] = "over" if self.state["game"] else "waiting"
        self.release_seats()
        self.say("bot", "start_cancelled", text="The game does not start: too few players are left. Say `start` to try again.")
        self.reveal()  # so that the next draw begins with everybody who is seated then
        self.remember()

    def fewest(self):
        return min(2, len(self.invite_slots()))

    def hold_seats(self):
        """Protects the players from being kicked. Each valid move calls this; it renews the hold at most every 10 minutes."""
        state, now = self.state, self.ctx.now
        seconds = min(LONGEST_HOLD, HOLD_SECONDS + (self.params["turn_seconds"] or 0) * len(state["seated"]))
        if state["held_until"] is None or state["held_until"] - now < seconds - 600:
            try:
                self.ctx.hold_seats(seconds)
                state["held_until"] = now + seconds
            except RuntimeError:
                pass  # only hooks of players may hold the seats; the next move does it

    def release_seats(self):
        self.state["held_until"] = None
        self.ctx.release_seats()

    # ---- Play ------------------------------------------------------------------------

    def give_turn(self, player):
        state, seconds = self.state, self.params["turn_seconds"]
        state.update(turn=player, turn_id=state["turn_id"] + 1)
        offer, clock = {"turn": [player], "turn_id": state["turn_id"], "actions": self.schema()}, ""
        if seconds:
            state["due"] = self.ctx.now + seconds
            self.ctx.timer("warn", seconds - self.warning() if self.warning() else None)
            self.ctx.timer("turn", seconds)
            offer["deadline"], clock = timestamp(state["due"]), f" You have {seconds} s."
        self.say("control", "bot:turn", player=player, **offer,
                 text=f"{self.name(player)}, it is your turn: `guess N`, N from {self.low} to {self.high}.{clock}")

    def schema(self):
        """Returns the JSON Schema of a guess as data."""
        return {"type": "object", "properties": {"guess": {"type": "integer", "minimum": self.low, "maximum": self.high}}}

    def warning(self):
        """Returns how many seconds before the end of a turn the player is warned."""
        return min(20, self.params["turn_seconds"] // 3)

    def time_up(self, player):
        self.state["passed"] += 1
        forfeit = self.params["on_timeout"] == "forfeit"
        self.say("bot", "time_up", player=player, result=self.params["on_timeout"],
                 text=f"{self.name(player)}'s time is up: " + ("out of the game." if forfeit else "the turn passes."))
        if forfeit:
            self.drop(player, "time")
        elif self.state["passed"] >= 2 * len(self.active()):
            self.end_game(None, "time")  # everybody missed two turns in a row
        else:
            self.give_turn(self.player_after(player))

    def guess(self, player, number, turn_id):
        state = self.state
        if number is None and state["turn"] != player:
            return  # "guess what!" is conversation, unless it is this player's turn
        if not self.may_play(player, turn_id):
            return
        if state["turn"] != player:
            self.violation(player, "BAD_TURN", f"it is {self.name(state['turn'])}'s turn.")
            return
        if not (whole(number) and self.low <= number <= self.high):
            self.violation(player, "BAD_MOVE", "a guess is one whole number from "
                           f"{self.low} to {self.high}. It is still your turn.")
            return
        who, distance, count = self.name(player), number - state["target"], state["guesses"] + 1
        state.update(guesses=count, passed=0)
        self.hold_seats()
        if distance == 0:
            self.say("bot", "judge", result="correct", player=player, guess=number, hint="correct",
                     guess_count=count, text=f"{who} guessed {number}. That's it!")
            self.end_game(player, "correct")
            return
        result, hint = "high" if distance > 0 else "low", self.hint(abs(distance))
        self.say("bot", "judge", result=result, player=player, guess=number, hint=hint,
                 guess_count=count, text=f"{who} guessed {number}: too {result}, {hint}.")
        if count == self.params["max_guesses"]:
            self.end_game(None, "max_guesses")
        else:
            self.give_turn(self.player_after(player))

    def hint(self, distance):
        percent = distance * 100 / (self.high - self.low + 1)
        if percent <= 5:
            return "very close"
        if percent <= 10:
            return "close"
        return "getting warm" if percent <= 20 else "cold"

    def concede(self, player, turn_id):
        if self.may_play(player, turn_id):
            self.say("bot", "concede", player=player, text=f"{self.name(player)} concedes.")
            self.drop(player, "concede")

    def drop(self, player, reason):
        """Takes a player out of the game. The last one left wins it."""
        self.state["out"].append(player)
        left = self.active()
        if len(left) <= 1:
            self.end_game(left[0] if left else None, reason)
        elif self.state["turn"] == player:
            self.give_turn(self.player_after(player))

    # ---- End: reveal -----------------------------------------------------------------

    def end_game(self, winner, reason):
        state = self.state
        target, salt, published = state["target"], state["salt"], state["hash"]
        state.update(phase="over", turn=None, due=None, target=None, salt=None)
        self.release_seats()
        if self.params["turn_seconds"]:
            self.ctx.timer("warn", None)
            self.ctx.timer("turn", None)
        self.say("control", "bot:reveal", game=state["game"], target=target, salt=salt, hash=published,
                 formula=FORMULA, verify=check(target, f"'{salt}'", published),
                 text=f"The number was {target}, the salt is {salt}. Check that sha256(str(target) + salt) is the commitment "
                      "from the start. `verify` does it in Python.")
        ending = f"{self.name(winner)} wins" if winner else "Nobody wins"
        advice = "The channel is being closed." if reason == "closed" else "Say `start` to play again."
        self.say("bot", "game_end", game=state["game"], winner=winner, reason=reason, target=target,
                 total_guesses=state["guesses"], players=state["players"], turn=[],
                 text=f"{ending} game {state['game']}; guesses made: {state['guesses']}. {advice}")
        self.reveal()

    def reveal(self):
        try:
            self.ctx.reveal()
        except RuntimeError:
            pass  # a bot has about a thousand seeds; without one, the commitment still proves the number

    # ---- Status, help and names ------------------------------------------------------

    def may_play(self, player, turn_id):
        """Returns whether the player may move now, in the turn that the move names; if not, posts the reason."""
        state, now = self.state, self.state["turn_id"]
        if state["phase"] == "waiting":
            self.violation(player, "GAME_NOT_STARTED", "the game hasn't started. Say `start`, or wait for the others.")
        elif state["phase"] == "starting":
            self.violation(player, "GAME_NOT_STARTED", "the game is about to start. I post whose turn it is.")
            self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
        elif state["phase"] == "over":
            self.violation(player, "GAME_OVER", "the game is over. Say `start` to play again.")
        elif player not in self.active():
            self.violation(player, "NOT_A_PLAYER", "you are not in this game, but can play the next.")
        elif turn_id not in (None, now):
            over = f"turn {turn_id} is over" if whole(turn_id) and 0 < turn_id < now else "there is no such turn"
            self.violation(player, "STALE_TURN", f"{over}; this is turn {now}, {self.name(state['turn'])}'s.")
        else:
            return True
        return False

    def violation(self, player, reason, details):
        """Posts that a move is invalid. It has no other effect."""
        self.say("control", "violation", reason=reason, player=player, details=details,
                 text=f"{self.name(player)}: {details}")

    def status(self):
        """Returns the public part of the state: everything but target and salt."""
        state = self.state
        text = f"Waiting for players; here so far: {len(state['seated'])}."
        if state["phase"] == "starting":
            text = f"Game {state['game'] + 1} is about to start: the number is being drawn."
        elif state["phase"] == "playing":
            text = f"Game {state['game']}: it is {self.name(state['turn'])}'s turn."
        elif state["phase"] == "over":
            text = f"Game {state['game']} is over. Say `start` to play again."
        public = ("phase", "game", "seated", "ready", "players", "out")
        return dict({key: state[key] for key in public}, type="status", text=text,
                    current_turn=state["turn"], turn_id=state["turn_id"], guess_count=state["guesses"],
                    range=[self.low, self.high], max_guesses=self.params["max_guesses"],
                    turn_seconds=self.params["turn_seconds"], commitment_hash=state["hash"])

    def help(self):
        commands = ["start - begin a game", "guess 42 - your guess, one number; or just 42",
                    "concede - give up", "!status - how the game stands", "!help - this list"]
        seconds = self.params["turn_seconds"]
        clock = f" A turn has {seconds} s, then it is a {self.params['on_timeout']}." if seconds else ""
        return {"type": "help", "commands": commands, "text": "Post in the channel: "
                + "; ".join(commands) + f". !status and !help work by private message too.{clock}"}

    def active(self):
        return [player for player in self.state["players"] if player not in self.state["out"]]

    def player_after(self, player):
        circle = self.state["players"]
        at = circle.index(player) + 1
        return next(p for p in circle[at:] + circle[:at] if p not in self.state["out"])

    def invite_slots(self):
        return [slot["slot_id"] for slot in self.ctx.slots if slot["kind"] == "invite"]

    def name(self, slot_id):
        labels = {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}
        return labels.get(slot_id) or slot_id

    def names(self, slot_ids):
        return ", ".join(self.name(slot_id) for slot_id in slot_ids)

    def say(self, kind, event, **fields):
        self.ctx.post(kind, dict(fields, type=event))

    def remember(self):
        self.ctx.set_state(self.state)


def commitment(target, salt):
    return hashlib.sha256((str(target) + salt).encode()).hexdigest()


def check(target, salt, published):
    """Returns a line of Python that prints whether target and salt match the published hash."""
    computed = f"hashlib.sha256((str({target}) + {salt}).encode()).hexdigest()"
    return f"import hashlib; print({computed} == '{published}')"


def timestamp(seconds):
    """Returns a time as 2026-01-31T12:00:00.000Z."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def read(body):
    """Parses a message: returns (action, number), or (None, None) for conversation."""
    if "guess" in body:  # as data: {"guess": 42}
        return "guess", body["guess"]
    if body.get("type") == "move":  # or {"type": "move", "action": "guess", "value": 42}
        return body.get("action"), body.get("value")
    text = str(body.get("text", "")).strip().lower().replace("\u2212", "-")  # a typeset minus
    plain = text.lstrip("!*_`\"' ").rstrip("!?.*_`\"' ")
    if text in ("!status", "!help"):
        return text, None
    if plain in ("start", "rematch"):
        return "start", None
    if plain in ("concede", "i concede"):
        return "concede", None
    if NUMBER.fullmatch(plain):
        return "guess", parse([plain])
    numbers = NUMBER.findall(text)
    if GUESS.search(text) and (numbers or plain.startswith(("guess", "my guess"))):
        return "guess", parse(numbers)
    return None, None


def parse(numbers):
    """Returns the one whole number in a message, None if there is no number, or a text that is no valid guess."""
    if len(set(numbers)) > 1:
        return "several"
    if not numbers:
        return None
    plain = re.fullmatch(r"[-+]?[0-9]{1,17}", numbers[0])
    return int(numbers[0]) if plain else "not whole"
