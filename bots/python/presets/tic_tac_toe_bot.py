"""TicTacToeBot: referee of tic-tac-toe, which keeps the board, the turns and the rules.

The first two players who join play; others watch. The game starts when all seats are taken, or when two players say
`start`. Three in a row win, a full board is a draw. Nothing is secret: the log shows every move. The player who joined
first begins (`first="join"`), or the beginner is drawn with the players' own randomness (`first="random"`, by
`ctx.start()`; the seed is revealed after the game, so that anybody can replay the draw). In a rematch the other player
begins. While a game runs, the bot holds the seats: nobody can be kicked. If the channel is closed during a game, nobody
wins it.

Cells are a1 (top left) to c3 (bottom right), the letter for the column; 1 to 9 in reading order are understood, too:

    a1 b1 c1        1 2 3
    a2 b2 c2        4 5 6
    a3 b3 c3        7 8 9

Commands: `b2` or `5`, `concede`, `start` or `rematch`, `!status`, `!help`. Data: {"cell": "b2"}, or
{"type": "move", "action": "place", "value": "b2"}. A move may name its turn, {"cell": "b2", "turn_id": 3}; if that is not the
present turn, the move does not count. All other messages are ignored, so that players can talk.
"""

import datetime
import re
import secrets

LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
CELLS = ("a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3")
MARKS = ("X", "O")
CELL = re.compile(r"(?:(?:i )?(?:play|place|take|move|mark|put) (?:[xo] (?:on|at|in) )?(?:cell )?)?([1-9]|[abc][123])")
HOLD_SECONDS, LONGEST_HOLD = 3600, 86400  # how long the seats are held after a move; the turn clock adds to it
PARAMS = {"first": "join", "turn_seconds": None}


class TicTacToeBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.state = ctx.get_state() or {
            "phase": "waiting",  # then "playing", then "over", then "playing" again ...; "starting" while the beginner is drawn
            "game": 0,
            "seated": [],  # slot ids of everyone here, in the order they joined
            "players": [],  # the two players; the first has X
            "ready": [],  # players who posted `start` or `rematch`
            "board": "." * 9,  # the cells in reading order; "." is free
            "last": [],  # the cell of the last move
            "turn": None,
            "turn_id": 0,  # number of the current turn, counted over all games
            "due": None,  # when the turn's time is up
            "held_until": None,  # until when the seats are held
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        clock = self.params["turn_seconds"]
        self.say("bot", "prompt", first=self.params["first"], turn_seconds=clock,
                 text="Tic-tac-toe: the game starts when every seat is taken, or when two players say `start`. "
                      "Post a cell, a1 (top left) to c3."
                      + (f" A turn has {clock} s; a player who misses it loses." if clock else ""))
        self.remember()

    def on_join(self, player_id):
        if player_id not in self.state["seated"]:
            self.state["seated"].append(player_id)
            self.remember()

    def on_ready(self):
        if self.state["phase"] == "waiting" and len(self.state["seated"]) >= 2:
            self.begin(self.state["seated"][:2])
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
        action, value = read(body)
        if action == "place":
            self.place(player, value, body.get("turn_id"))
        elif action == "concede":
            if self.may_play(player, body.get("turn_id")):
                self.end_game(self.other(player), "concede", f"{self.name(player)} concedes.")
        elif action == "start":
            self.vote(player)
        elif action in ("!status", "!help"):
            self.ctx.post("bot", self.status() if action == "!status" else self.help())
        else:
            return  # conversation
        self.remember()

    def on_private_message(self, slot_id, msg):
        if slot_id in [player["slot_id"] for player in self.ctx.players]:
            self.ctx.dm(slot_id, "private", self.status() if read(msg)[0] == "!status" else self.help())

    def on_timer(self, name):
        state = self.state
        if name != "turn" or state["phase"] != "playing" or self.ctx.now < state["due"]:
            return  # the timer of an earlier turn
        late = state["turn"]
        self.end_game(self.other(late), "time", f"{self.name(late)}'s time is up.")
        self.remember()

    def on_close(self):
        if self.state["phase"] == "playing":
            self.end_game(None, "closed", "The channel is being closed.")
            self.remember()

    # ---- The game --------------------------------------------------------------------

    def begin(self, players):
        """Holds the seats and starts the game, once it is drawn who begins if that is to be drawn."""
        self.state.update(players=players, ready=[])
        self.hold_seats()
        if self.params["first"] == "random" and self.state["game"] == 0:
            self.state["phase"] = "starting"
            self.ctx.start()
        else:
            self.start_game()

    def on_start(self, contributors, missing):
        state, players = self.state, self.state["players"]
        if all(player in state["seated"] for player in players):
            if secrets.randbelow(2):
                players.reverse()
            givers = self.names(contributors) or "the relay only"
            givers += f"; {self.names(missing)} gave none" if missing else ""
            self.start_game(f" Drawn with randomness from: {givers}.", entropy_from=contributors, missing=missing)
        else:  # a player left while the request was pending
            state.update(phase="waiting", players=[])
            self.release_seats()
            self.say("bot", "start_cancelled", text="The game does not start: a player left. Say `start` to try again.")
            self.reveal()  # so that the next draw begins with everybody who is seated then
        self.remember()

    def start_game(self, drawn="", **fields):
        players = self.state["players"]
        self.state.update(phase="playing", game=self.state["game"] + 1, board="." * 9, last=[])
        self.say("bot", "game_start", game=self.state["game"], players=players, marks=dict(zip(players, MARKS)),
                 **fields,
                 text=f"Game {self.state['game']}: {self.name(players[0])} has X and begins, "
                      f"{self.name(players[1])} has O.{drawn}")
        self.give_turn(players[0])

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

    def give_turn(self, player):
        state, seconds = self.state, self.params["turn_seconds"]
        state.update(turn=player, turn_id=state["turn_id"] + 1)
        offer = {"turn": [player], "turn_id": state["turn_id"], "actions": self.free(), "other_actions": ["concede"]}
        if seconds:
            state["due"] = self.ctx.now + seconds
            self.ctx.timer("turn", seconds)
            offer["deadline"] = timestamp(state["due"])
        self.say("control", "bot:turn", player=player, **offer, board=self.board(),
                 text=f"{self.name(player)}, your move:\n{self.drawing()}")

    def place(self, player, cell, turn_id):
        state = self.state
        if not self.may_play(player, turn_id):
            return
        if state["turn"] != player:
            return self.violation(player, "BAD_TURN", f"it is {self.name(state['turn'])}'s turn.")
        if cell not in self.free():
            return self.violation(player, "BAD_MOVE", "choose a free cell: " + ", ".join(self.free()) + ".")
        self.hold_seats()
        mark, at = MARKS[state["players"].index(player)], CELLS.index(cell)
        state.update(board=state["board"][:at] + mark + state["board"][at + 1:], last=[cell])
        self.say("bot", "placed", player=player, mark=mark, cell=cell, text=f"{self.name(player)} puts {mark} on {cell}.")
        line = next((line for line in LINES if all(state["board"][at] == mark for at in line)), None)
        if line:
            self.end_game(player, "line", "Three in a row!", [CELLS[at] for at in line])
        elif not self.free():
            self.end_game(None, "full", "The board is full.")
        else:
            self.give_turn(self.other(player))

    def end_game(self, winner, reason, why, line=None):
        state = self.state
        state.update(phase="over", turn=None)
        self.release_seats()
        if self.params["turn_seconds"]:
            self.ctx.timer("turn", None)
        ending = f"{self.name(winner)} wins" if winner else "Nobody wins" if reason == "closed" else "A draw"
        advice = "" if reason == "closed" else "\nSay `rematch` to play again."
        self.say("bot", "game_end", game=state["game"], winner=winner, reason=reason, line=line, board=self.board(line),
                 players=state["players"], turn=[],
                 text=f"{why} {ending}.\n{self.drawing()}{advice}")
        if self.params["first"] == "random" and state["game"] == 1:
            self.reveal()

    def reveal(self):
        try:
            self.ctx.reveal()
        except RuntimeError:
            pass  # a bot has about a thousand seeds

    def vote(self, player):
        state = self.state
        pair = [seat for seat in state["players"] if seat in state["seated"]]
        pair += [seat for seat in state["seated"] if seat not in pair]
        pair = pair[:2]
        if state["phase"] == "starting":
            self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
        if state["phase"] in ("starting", "playing") or player not in pair or len(pair) < 2:
            self.ctx.post("bot", self.status())
            return
        state["ready"] = [seat for seat in {player: 1, **dict.fromkeys(state["ready"])} if seat in pair]
        if len(state["ready"]) == 2:
            same = set(pair) == set(state["players"])
            self.begin(state["players"][::-1] if same else pair)
        else:
            other = next(seat for seat in pair if seat != player)
            self.say("bot", "start_vote", ready=state["ready"],
                     text=f"{self.name(player)} wants to play. {self.name(other)} has to say `start`, too.")

    # ---- Status, help and names ------------------------------------------------------

    def may_play(self, player, turn_id):
        """Returns whether the player may move now, in the turn that the move names; if not, posts the reason."""
        state, now = self.state, self.state["turn_id"]
        if state["phase"] == "waiting":
            self.violation(player, "GAME_NOT_STARTED", "the game hasn't started. Say `start`, or wait for the others.")
        elif state["phase"] == "starting":
            self.violation(player, "GAME_NOT_STARTED", "it is being drawn who begins. I post whose turn it is.")
            self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
        elif state["phase"] == "over":
            self.violation(player, "GAME_OVER", "the game is over. Say `rematch` to play again.")
        elif player not in state["players"]:
            self.violation(player, "NOT_A_PLAYER", "you are watching this game.")
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

    def other(self, player):
        return next(seat for seat in self.state["players"] if seat != player)

    def free(self):
        return [name for name, mark in zip(CELLS, self.state["board"]) if mark == "."]

    def board(self, line=None):
        """Returns the position as programs draw it."""
        rows = {"1": self.state["board"][:3], "2": self.state["board"][3:6], "3": self.state["board"][6:]}
        return {"kind": "grid", "pieces": "marks", "columns": "abc", "rows": rows, "last": self.state["last"], "line": line or []}

    def drawing(self):
        return "\n".join([f"{row} {' '.join(marks)}" for row, marks in self.board()["rows"].items()] + ["  a b c"])

    def status(self):
        state = self.state
        turn = state["turn"]
        text = {"waiting": "The game has not started.", "starting": "It is being drawn who begins.",
                "over": "The game is over."}.get(state["phase"])
        return {"type": "status", "phase": state["phase"], "game": state["game"], "players": state["players"],
                "current_turn": turn, "turn_id": state["turn_id"], "board": self.board(), "free": self.free(),
                "text": f"{text or self.name(turn) + ' is to move.'}\n{self.drawing()}"}

    def help(self):
        commands = ["b2 or 5 - take a cell", "concede", "start or rematch - play", "!status", "!help"]
        return {"type": "help", "commands": commands,
                "text": "Post in the channel: " + "; ".join(commands) + ". Programs post {\"cell\": \"b2\"} as data."}

    def name(self, slot_id):
        return {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}.get(slot_id) or slot_id

    def names(self, slot_ids):
        return ", ".join(self.name(slot_id) for slot_id in slot_ids)

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
            raise ValueError(f"TicTacToeBot has no parameter '{name}'. It has: {', '.join(chosen)}.")
    chosen.update(params)
    seconds = chosen["turn_seconds"]
    if chosen["first"] not in ("join", "random"):
        raise ValueError("'first' must be \"join\" or \"random\".")
    if seconds is not None and not (whole(seconds) and 1 <= seconds <= 86400):
        raise ValueError("'turn_seconds' must be a whole number from 1 to 86400, or left out.")
    return chosen


def read(body):
    """Parses a message: returns (action, cell), or (None, None) for conversation."""
    if "cell" in body:  # as data: {"cell": "b2"} or {"cell": 5}
        return "place", cell(body["cell"])
    if body.get("type") == "move":  # or {"type": "move", "action": "place", "value": "b2"}
        action = body.get("action")
        if action == "rematch":
            action = "start"
        return (action, cell(body.get("value"))) if isinstance(action, str) else (None, None)
    text = str(body.get("text", "")).strip().lower()
    plain = text.lstrip("*_`\"' ").rstrip("!.*_`\"' ")
    if text in ("!status", "!help"):
        return text, None
    if plain in ("concede", "i concede"):
        return "concede", None
    if plain in ("rematch", "start", "again"):
        return "start", None
    found = CELL.fullmatch(plain)
    return ("place", cell(found[1])) if found else (None, None)


def cell(value):
    """Returns the name of the cell that "b2", 5 or "5" means; None if there is no such cell."""
    if whole(value) and 1 <= value <= 9:
        return CELLS[value - 1]
    text = value.strip().lower() if isinstance(value, str) else ""
    if len(text) == 1 and text in "123456789":
        return CELLS[int(text) - 1]
    return text if text in CELLS else None
