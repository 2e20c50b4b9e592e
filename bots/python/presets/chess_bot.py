"""ChessBot: referee of chess, which keeps the position, the clocks and the rules.

The first two players who join play; others watch. The game starts when all seats are taken, or when two players say `start`.
White is the player who joined first (`first="join"`), or is drawn with the players' own randomness (`first="random"`, by
`ctx.start()`; the seed is revealed after the game, so that anybody can replay the draw). In a rematch the colours swap. While
a game runs, the bot holds the seats: nobody can be kicked. Nothing is secret: the log shows every move.

The rules are FIDE's Laws of Chess. The player to move can claim a draw if the position has occurred three times, or after fifty
moves of both players without a capture or a pawn's move, or with a move that would complete them (articles 9.2 and 9.3). The fifth
occurrence, seventy-five such moves, or too few pieces on both sides to mate by any series of moves end the game; other dead
positions, such as blocked pawns, are not recognised. A draw offer stands until the opponent accepts or moves. With `base_seconds`
each player has a clock; each move adds `increment_seconds`. A player whose time is up loses, but draws if the opponent has no
pieces that could mate (article 6.9). A player who leaves loses; if the channel is closed, nobody wins.

Commands: `Nf3`, `exd5`, `O-O`, `e8=Q`, `g1f3`, `e7e8q`; `resign`, `offer draw`, `accept draw`, `claim draw`, `claim draw Nf3`,
`start` or `rematch`, `!status`, `!help`. Data: {"move": "Nf3"} or {"type": "move", "action": "move", "value": "Nf3"}, with "claim":
true for a claim. If a move names a turn, {"move": "Nf3", "turn_id": 3}, it counts in no other turn. Other messages are ignored.
"""

import datetime
import re
import secrets
import textwrap

HOLD_SECONDS, LONGEST_HOLD = 3600, 86400  # how long the seats are held after a move; the clock adds to it
PARAMS = {"first": "join", "base_seconds": None, "increment_seconds": 0, "fen": None}
START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
FEN = re.compile(r"[1-8pnbrqkPNBRQK/]+ [wb] (?:-|K?Q?k?q?) (?:-|[a-h][36]) [0-9]{1,4} [0-9]{1,4}")
COMMAND = re.compile(r"(?:i )?(?:(?:offer )?(?:a )?(?P<draw>draw)|(?:(?P<accept>accept)|(?P<claim>claim))(?: (?:a |the )?draw)?|"
                     r"(?P<resign>resign|concede)|(?P<start>start|rematch|again))|!(?P<status>status)|!(?P<help>help)")
CLAIM = re.compile(r"^(?:i )?claim (?:(?:a |the )?draw )?(?:with |by )?", re.IGNORECASE)  # before a move
BEFORE = re.compile(r"^(?:(?:i(?:'ll| will)? )?(?:play|move|take) |[0-9]{1,4} ?\.(?:\.\.)? ?)", re.IGNORECASE)  # "I play", "12..."
MOVE = re.compile(r"[kqrbnp]?[a-h]?[1-8]?[-x: ]?[a-h][1-8](?:=?\(?[qrbn])?|o-o(?:-o)?", re.IGNORECASE)
SIGNS = str.maketrans("♔♕♖♗♘♙♚♛♜♝♞♟\u2013\u2212", "KQRBNPKQRBNP--")

# A cell is 21 (a8) to 98 (h1): ten in a row, so that a step over the edge ends on a border cell, which is " ".
CELLS = [row * 10 + column for row in range(2, 10) for column in range(1, 9)]
NAME = {cell: " abcdefgh"[cell % 10] + str(10 - cell // 10) for cell in CELLS}
STRAIGHT, DIAGONAL = (-10, -1, 1, 10), (-11, -9, 9, 11)
STEPS = {"N": (-21, -19, -12, -8, 8, 12, 19, 21), "B": DIAGONAL, "R": STRAIGHT, "Q": STRAIGHT + DIAGONAL, "K": STRAIGHT + DIAGONAL}
HOMES = {"K": (95, 98), "Q": (95, 91), "k": (25, 28), "q": (25, 21)}  # cells of king and rook, by castling right


class Position:
    """A position. A move is (start, target, promotion): two cells, and "" or one of "qrbn"."""

    def __init__(self, board, white, castling, passant, quiet, number):
        self.board, self.white, self.castling = board, white, castling  # 120 cells; whether White moves; such as "KQkq"
        self.passant = passant  # the cell that a pawn has just passed and where it can be captured, or 0
        self.quiet, self.number = quiet, number  # half-moves since a capture or a pawn's move; number of the move

    def moves(self):
        """Yields the moves, including those that leave the king in check."""
        board, white = self.board, self.white
        own, theirs, ahead = ("PNBRQK", "pnbrqk", -10) if white else ("pnbrqk", "PNBRQK", 10)
        for start in [cell for cell in CELLS if board[cell] in own]:
            kind = board[start].upper()
            if kind == "P":
                targets = [to for to in (start + ahead - 1, start + ahead + 1) if board[to] in theirs or to == self.passant]
                if board[start + ahead] == ".":
                    targets.append(start + ahead)
                    if start // 10 == (8 if white else 3) and board[start + 2 * ahead] == ".":
                        targets.append(start + 2 * ahead)
                yield from [(start, to, each) for to in targets for each in ("qrbn" if to // 10 in (2, 9) else ("",))]
                continue
            for step in STEPS[kind]:
                to = start + step
                while board[to] == ".":
                    yield start, to, ""
                    if kind in "NK":
                        break
                    to += step
                if board[to] in theirs:
                    yield start, to, ""
            if kind == "K" and self.castling and not self.attacked(start, not white):
                for right, side, between in ((own[5], 1, (1, 2)), (own[4], -1, (-1, -2, -3))):
                    if right in self.castling and all(board[start + step] == "." for step in between) \
                            and not self.attacked(start + side, not white):
                        yield start, start + 2 * side, ""

    def legal(self):
        return [move for move in self.moves() if not self.after(move).in_check(self.white)]

    def after(self, move):
        """Returns the position after a move."""
        start, to, promotion = move
        board, white, piece, passant = self.board[:], self.white, self.board[start], 0
        quiet = 0 if piece in "Pp" or board[to] != "." else self.quiet + 1
        board[start], board[to] = ".", (promotion.upper() if white else promotion) or piece
        if piece in "Pp":
            if to == self.passant:
                board[to + (10 if white else -10)] = "."
            elif abs(to - start) == 20 and ("p" if white else "P") in (board[to - 1], board[to + 1]):
                passant = (start + to) // 2
        elif piece in "Kk" and abs(to - start) == 2:
            rook = to + 1 if to > start else to - 2
            board[(start + to) // 2], board[rook] = board[rook], "."
        castling = self.castling and "".join(r for r in self.castling if start not in HOMES[r] and to not in HOMES[r])
        return Position(board, not white, castling, passant, quiet, self.number + (not white))

    def in_check(self, white):
        return self.attacked(self.board.index("K" if white else "k"), not white)

    def attacked(self, cell, white):
        """Returns whether White, or else Black, attacks a cell."""
        board = self.board
        pawn, knight, bishop, rook, queen, king = "PNBRQK" if white else "pnbrqk"
        behind = cell + (10 if white else -10)
        if pawn in (board[behind - 1], board[behind + 1]) or any(board[cell + step] == knight for step in STEPS["N"]) \
                or any(board[cell + step] == king for step in STEPS["K"]):
            return True
        for steps, sliders in ((STRAIGHT, rook + queen), (DIAGONAL, bishop + queen)):
            for step in steps:
                at = cell + step
                while board[at] == ".":
                    at += step
                if board[at] in sliders:
                    return True
        return False

    def fen(self):
        """Returns the position as FEN. The cell for a capture en passant is there only if the capture is legal."""
        rows = "/".join("".join(self.board[at:at + 8]) for at in range(21, 100, 10))
        rows = re.sub(r"\.+", lambda empty: str(len(empty[0])), rows)
        capture = self.passant and any(to == self.passant and self.board[start] in "Pp" for start, to, _ in self.legal())
        passant = NAME[self.passant] if capture else "-"
        return f"{rows} {'w' if self.white else 'b'} {self.castling or '-'} {passant} {self.quiet} {self.number}"

    def san(self, move, legal):
        """Returns a legal move in SAN, without the sign of check or mate."""
        start, to, promotion = move
        piece, name = self.board[start].upper(), NAME[start]
        if piece == "K" and abs(to - start) == 2:
            return "O-O" if to > start else "O-O-O"
        if piece == "P":
            return (f"{name[0]}x" if (to - start) % 10 else "") + NAME[to] + (f"={promotion.upper()}" if promotion else "")
        rivals = [NAME[at] for at, target, _ in legal if target == to and at != start and self.board[at] == self.board[start]]
        origin = next(part for part in ("", name[0], name[1], name) if not any(part in rival for rival in rivals))
        return piece + origin + ("x" if self.board[to] != "." else "") + NAME[to]

    def matches(self, moves, text):
        """Returns those of the moves that a text can mean, in SAN, UCI or a similar notation."""
        text, found = "!" + text[1:].lower() if re.match("B[a-hx]", text) else text.lower(), []  # "!": a bishop; "b": or the column
        for move in moves:
            start, piece = NAME[move[0]], self.board[move[0]].lower()
            cell = f"{start[0]}?{start[1]}?"
            origin = f"p?{cell}" if piece == "p" else f"(?:{'[b!]' if piece == 'b' else piece}{cell}|{start})"
            if re.fullmatch(rf"{origin}[-x: ]?{NAME[move[1]]}(?:=?\(?{move[2]})?", text):
                found.append(move)
        return found

    def can_mate(self, *players):
        """Returns whether one of the players (True: White) has the pieces to mate by any series of moves, also of the opponent."""
        shades = {sum(divmod(at, 10)) % 2 for at in CELLS if self.board[at] in "Bb"}
        for white in players:
            own = "".join(self.board) if white else "".join(self.board).swapcase()
            if any(piece in own for piece in "PRQ") or own.count("N") + ("B" in own) > 1:
                return True
            helpers = "pnbr" if "N" in own else "pn" if "B" in own else ""  # opponent's pieces that can stand in their king's way
            if any(piece in own for piece in helpers) or "B" in own and len(shades) > 1:
                return True
        return False


def uci(move):
    return NAME[move[0]] + NAME[move[1]] + move[2]


def rows_of(fen):
    """Returns the rows of a FEN from the top, with "." for each empty cell."""
    return re.sub("[1-8]", lambda empty: "." * int(empty[0]), fen.split()[0]).split("/")


def read_fen(fen):
    """Returns the position that a FEN describes; raises ValueError with the reason if it can't be played from."""
    need(isinstance(fen, str) and FEN.fullmatch(fen), "is no FEN with its six fields")
    _, side, rights, passed, quiet, number = fen.split(" ")
    rows, white = rows_of(fen), side == "w"
    need([len(row) for row in rows] == [8] * 8, "needs 8 rows of 8 cells")
    board = list(" " * 20 + "".join(f" {row} " for row in rows) + " " * 20)
    need(board.count("K") == board.count("k") == 1 and sum(map(str.isupper, board)) <= 16 and sum(map(str.islower, board)) <= 16,
         "needs one king of each colour, and at most 16 pieces")
    need(not re.search("[Pp]", rows[0] + rows[7]), "has a pawn on the first or last row")
    need(all(board[king] + board[rook] == ("KR" if right in "KQ" else "kr")
             for right, (king, rook) in HOMES.items() if right in rights), "has a castling right without its king or rook")
    passant, ahead = next((cell for cell in CELLS if NAME[cell] == passed), 0), -10 if white else 10
    need(not passant or board[passant] + board[passant + ahead] + board[passant - ahead] == (".." + ("p" if white else "P"))
         and passant // 10 == (4 if white else 7), "has no pawn that could be captured en passant")
    position = Position(board, white, rights.strip("-"), passant, int(quiet), int(number))
    need(not position.in_check(not white), "has the side that is not to move in check")
    return position


def need(condition, otherwise, name="fen"):
    if not condition:
        raise ValueError(f"'{name}' {otherwise}.")


class ChessBot:
    def __init__(self, ctx, params):
        self.ctx, self.milliseconds = ctx, round(ctx.now * 1000)
        self.params = read_params(params or {})
        self.base = self.params["base_seconds"]
        self.state = ctx.get_state() or {
            "phase": "waiting",  # then "playing", then "over", then "playing" again ...; "starting" while White is drawn
            "game": 0, "began": 0,  # number of the game, and when it began
            "seated": [],  # slot ids of everyone here, in the order they joined
            "players": [], "ready": [],  # the two players, the first has White; players who posted `start` or `rematch`
            "fen": self.params["fen"] or START, "seen": [],  # the position; those since a capture or a pawn's move, without numbers
            "moves": [], "times": [], "last": [],  # moves in SAN, milliseconds left after each; cells of the last move
            "clocks": [0, 0], "since": 0,  # milliseconds left when the turn began, White's first; when that was
            "turn": None, "turn_id": 0,  # the player to move; number of the turn, counted over all games
            "offer": None, "held_until": None,  # the player whose draw offer stands; until when the seats are held
        }

    def on_init(self):
        clock = f" Each player has {self.base} s, plus {self.params['increment_seconds']} s a move." if self.base else ""
        self.say("bot", "prompt", **self.params, text="Chess: the game starts when every seat is taken, or when two players say "
                                                      f"`start`. Post a move: Nf3, exd5, O-O, e8=Q or g1f3.{clock}")
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
        self.check_flag()
        for group in ("seated", "ready"):
            self.state[group] = [seat for seat in self.state[group] if seat != player_id]
        if self.state["phase"] == "playing" and player_id in self.state["players"]:
            self.end_game(self.other(player_id), "leave", f"{self.name(player_id)} left.")
        if self.state["phase"] == "over" and len(self.state["seated"]) < 2:
            self.state["phase"] = "waiting"
        self.remember()

    def on_message(self, msg):
        player, body = msg["sender"], msg["body"] or {}
        action, text = read(body)
        if msg["kind"] != "user" or player not in self.state["seated"] or action is None:
            return
        self.check_flag()
        if self.state["phase"] == "starting":
            self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
        if action == "start":
            self.vote(player)
        elif action in ("status", "help"):
            self.ctx.post("bot", self.status() if action == "status" else self.help())
        elif self.may_play(player, body.get("turn_id")):
            self.act(player, action, text)
        self.remember()

    def on_private_message(self, slot_id, msg):
        if slot_id in [player["slot_id"] for player in self.ctx.players]:
            self.ctx.dm(slot_id, "private", self.status() if read(msg)[0] == "status" else self.help())

    def on_timer(self, name):
        self.check_flag()
        self.remember()

    def on_close(self):
        self.check_flag()
        if self.state["phase"] == "playing":
            self.end_game(None, "closed", "The channel is being closed.")
        self.remember()

    def begin(self, players):
        """Holds the seats and starts the game, once White is drawn if that is to be drawn."""
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
            givers = ", ".join(map(self.name, contributors)) or "the relay only"
            givers += f"; {', '.join(map(self.name, missing))} gave none" if missing else ""
            self.start_game(f" Drawn with randomness from: {givers}.", entropy_from=contributors, missing=missing)
        else:  # a player left while the request was pending
            state.update(phase="waiting", players=[], held_until=None)
            self.ctx.release_seats()
            self.say("bot", "start_cancelled", text="The game does not start: a player left. Say `start` to try again.")
            self.reveal()  # so that the next draw begins with everybody who is seated then
        self.remember()

    def start_game(self, drawn="", **fields):
        state, (white, black), position = self.state, self.state["players"], read_fen(self.params["fen"] or START)
        state.update(phase="playing", game=state["game"] + 1, began=self.ctx.now, fen=position.fen(), moves=[], times=[], last=[],
                     seen=[position.fen().rsplit(" ", 2)[0]], offer=None, clocks=[1000 * (self.base or 0)] * 2)
        self.say("bot", "game_start", game=state["game"], players=[white, black], fen=state["fen"], **fields,
                 text=f"Game {state['game']}: {self.name(white)} has White, {self.name(black)} Black.{drawn}")
        self.give_turn(position)

    def hold_seats(self):
        """Protects the players from being kicked. Each valid move calls this; it renews the hold at most every 10 minutes."""
        state, now = self.state, self.ctx.now
        seconds = min(LONGEST_HOLD, HOLD_SECONDS + max(self.base or 0, max(state["clocks"]) // 1000))
        if state["held_until"] is None or state["held_until"] - now < seconds - 600:
            self.ctx.hold_seats(seconds)
            state["held_until"] = now + seconds

    def give_turn(self, position):
        state, player = self.state, self.state["players"][0 if position.white else 1]
        state.update(turn=player, turn_id=state["turn_id"] + 1, since=self.milliseconds)
        hint = " Check!" if position.in_check(position.white) else ""
        hint += f" You may `claim draw` ({self.claimable()})." if self.claimable() else ""
        hint += f" {self.name(state['offer'])} offers a draw." if state["offer"] else ""
        if self.base:
            self.ctx.timer("flag", (self.clocks()[player] + 10) / 1000)  # never too early
        self.say("control", "bot:turn", player=player, **self.choices(position), fen=state["fen"], board=self.board(),
                 text=f"{self.name(player)}, your move.{hint}\n{self.drawing()}")

    def choices(self, position):
        """Returns what the player to move may do. Programs choose among `actions`, and leave `other_actions` to people."""
        player, legal, claimable, offer = self.state["turn"], position.legal(), self.claimable(), self.state["offer"]
        actions = [*map(uci, legal), *["claim draw"] * bool(claimable), *["accept draw"] * (offer == self.other(player))]
        claims = [f"claim draw {uci(move)}" for move in legal if not claimable and self.claimable(position.after(move))]
        fields = {"turn": [player], "turn_id": self.state["turn_id"], "actions": actions, "clocks": self.clocks(),
                  "other_actions": [*claims, *["offer draw"] * (not offer), "resign"]}
        if self.base:
            end = datetime.datetime.fromtimestamp((self.milliseconds + self.clocks()[player]) / 1000, datetime.timezone.utc)
            fields["deadline"] = end.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return fields

    def act(self, player, action, text):
        """Does what a player of the game asks for."""
        state, other = self.state, self.other(player)
        if action in ("move", "claim") and state["turn"] != player:
            self.violation(player, "BAD_TURN", f"it is {self.name(state['turn'])}'s turn.")
        elif action == "claim" and self.claimable():
            self.end_game(None, self.claimable())
        elif text or action == "move":
            self.move(player, text, action == "claim")
        elif action == "claim":
            self.violation(player, "BAD_CLAIM", "the position has not occurred three times, nor were fifty moves quiet.")
        elif action == "resign":
            self.end_game(other, "resign", f"{self.name(player)} resigns.")
        elif action == "draw" and state["offer"] != other:
            state["offer"] = player
            self.say("bot", "draw_offer", player=player, **self.choices(read_fen(state["fen"])),
                     text=f"{self.name(player)} offers a draw: `accept draw`, or move.")
        elif state["offer"] != other:
            self.violation(player, "NO_OFFER", f"{self.name(other)} has not offered a draw. `offer draw` offers one.")
        else:
            self.end_game(None, "agreement")

    def claimable(self, after=None):
        """Returns why the player to move can claim a draw, now or with a move that leads to `after`, or None."""
        seen, quiet = (self.seen_with(after), after.quiet) if after else (self.state["seen"], int(self.state["fen"].split()[4]))
        return "threefold_repetition" if seen.count(seen[-1]) >= 3 else "fifty_moves" if quiet >= 100 else None

    def seen_with(self, after):
        return [*(self.state["seen"] if after.quiet else []), after.fen().rsplit(" ", 2)[0]]

    def move(self, player, text, claims=False):
        state, position = self.state, read_fen(self.state["fen"])
        legal = position.legal()
        found = [move for move in legal if text in (uci(move), position.san(move, legal))] or position.matches(legal, text)
        listed = ", ".join(position.san(move, legal) for move in found or legal)
        if not found:
            why = "would leave your king in check" if position.matches(position.moves(), text) else "is not legal"
            return self.violation(player, "BAD_MOVE", f"`{text or '?'}` {why}. Legal moves: {listed}.")
        if len(found) > 1:
            return self.violation(player, "AMBIGUOUS_MOVE", f"`{text}` can be: {listed}.")
        after, number = position.after(found[0]), f"{position.number}{'.' if position.white else '...'}"
        fen, replies, checks = after.fen(), after.legal(), after.in_check(after.white)
        san = listed + ("" if not checks else "+" if replies else "#")
        seen, reason = self.seen_with(after), self.claimable(after)
        if claims and reason:  # the move is stated, and not made
            return self.end_game(None, reason, f"{self.name(player)} claims a draw with {number} {san} ({reason}).")
        if claims:
            return self.violation(player, "BAD_CLAIM", f"{san} completes no third occurrence of a position, nor fifty quiet moves.")
        if self.base:
            state["clocks"][not position.white] = self.clocks()[player] + 1000 * self.params["increment_seconds"]
            state["times"].append(state["clocks"][not position.white])
        state.update(fen=fen, seen=seen, since=self.milliseconds, last=[NAME[cell] for cell in found[0][:2]],
                     moves=[*state["moves"], san], offer=state["offer"] if state["offer"] == player else None)
        self.hold_seats()
        self.say("bot", "moved", player=player, number=number, san=san, uci=uci(found[0]), fen=fen, clocks=self.clocks(),
                 text=f"{self.name(player)} plays {number} {san}.")
        reason = "checkmate" if checks and not replies else "stalemate" if not replies \
            else "insufficient_material" if not after.can_mate(True, False) else "seventy_five_moves" if after.quiet >= 150 \
            else "fivefold_repetition" if seen.count(seen[-1]) >= 5 else None
        return self.end_game(player if reason == "checkmate" else None, reason) if reason else self.give_turn(after)

    def check_flag(self):
        """Ends the game if the time of the player to move is up."""
        state = self.state
        if state["phase"] == "playing" and self.base and not self.clocks()[state["turn"]]:
            late, other = state["turn"], self.other(state["turn"])
            mate = read_fen(state["fen"]).can_mate(other == state["players"][0])
            self.end_game(other if mate else None, "time", f"{self.name(late)}'s time is up."
                          + ("" if mate else f" {self.name(other)} has no pieces that could mate."))

    def end_game(self, winner, reason, why=None):
        state = self.state
        result = "*" if reason == "closed" else "1/2-1/2" if not winner else "1-0" if winner == state["players"][0] else "0-1"
        state.update(clocks=[*self.clocks().values()] or [0, 0], phase="over", turn=None, offer=None, held_until=None)
        self.ctx.release_seats()
        if self.base:
            self.ctx.timer("flag", None)
        *parts, pgn = self.pgn(result)
        for number, part in enumerate(parts, 1):
            self.say("bot", "pgn_part", game=state["game"], part=number, pgn=part, text=f"The game as PGN, part {number}.")
        ending = f"{self.name(winner)} wins" if winner else "Nobody wins" if reason == "closed" else "A draw"
        advice = "" if reason == "closed" else "\nSay `rematch` to play again."
        self.say("bot", "game_end", game=state["game"], winner=winner, result=result, reason=reason, players=state["players"],
                 fen=state["fen"], board=self.board(), pgn=pgn, turn=[], clocks=self.clocks(),
                 text=f"{why or reason.replace('_', ' ').capitalize() + '.'} {ending} ({result}).\n{self.drawing()}{advice}")
        if self.params["first"] == "random" and state["game"] == 1:
            self.reveal()

    def pgn(self, result):
        """Returns the game as PGN, in as many parts as posts need."""
        state, start, words = self.state, read_fen(self.params["fen"] or START), []
        date = datetime.datetime.fromtimestamp(state["began"], datetime.timezone.utc).strftime("%Y.%m.%d")
        white, black = (self.name(player).replace("\\", "\\\\").replace('"', '\\"') for player in state["players"])
        tags = {"Event": "ChessBot", "Site": self.ctx.channel_id, "Date": date, "Round": state["game"], "White": white,
                "Black": black, "Result": result} | ({"SetUp": 1, "FEN": start.fen()} if self.params["fen"] else {})
        tags |= {"TimeControl": f"{self.base}+{self.params['increment_seconds']}"} if self.base else {}
        for half, san in enumerate(state["moves"], 0 if start.white else 1):
            number = f"{start.number + half // 2}{'...' if half % 2 else '.'}"
            words += [number, san] if half % 2 == 0 or self.base or not words else [san]
            words += [f"{{[%clk_{clock(state['times'][half - (not start.white)])}]}}"] if self.base else []
        lines = [f'[{tag} "{value}"]' for tag, value in tags.items()] + [""]
        lines += textwrap.wrap(" ".join([*words, result]), 79, break_long_words=False, break_on_hyphens=False)
        return ["".join(line.replace("%clk_", "%clk ") + "\n" for line in lines[at:at + 250]) for at in range(0, len(lines), 250)]

    def reveal(self):
        try:
            self.ctx.reveal()
        except RuntimeError:
            pass  # a bot has about a thousand seeds

    def vote(self, player):
        state = self.state
        pair = [seat for seat in state["players"] if seat in state["seated"]]
        pair = [*pair, *[seat for seat in state["seated"] if seat not in pair]][:2]
        if state["phase"] in ("starting", "playing") or player not in pair or len(pair) < 2:
            self.ctx.post("bot", self.status())
            return
        state["ready"] = [seat for seat in {player: 1, **dict.fromkeys(state["ready"])} if seat in pair]
        if len(state["ready"]) == 2:
            self.begin(state["players"][::-1] if set(pair) == set(state["players"]) else pair)
        else:
            text = f"{self.name(player)} wants to play. {self.name(pair[pair[0] == player])} has to say `start`, too."
            self.say("bot", "start_vote", ready=state["ready"], text=text)

    def may_play(self, player, turn_id):
        """Returns whether the player may move now, in the turn that the move names; if not, posts the reason."""
        state, now = self.state, self.state["turn_id"]
        if state["phase"] in ("waiting", "starting"):
            self.violation(player, "GAME_NOT_STARTED", "the game hasn't started. Say `start`, or wait: I post whose turn it is.")
        elif state["phase"] == "over":
            self.violation(player, "GAME_OVER", "the game is over. Say `rematch` to play again.")
        elif player not in state["players"]:
            self.violation(player, "NOT_A_PLAYER", "you are watching this game.")
        elif turn_id not in (None, now):
            over = f"turn {turn_id} is over" if type(turn_id) is int and 0 < turn_id < now else "there is no such turn"
            self.violation(player, "STALE_TURN", f"{over}; this is turn {now}, {self.name(state['turn'])}'s.")
        else:
            return True
        return False

    def violation(self, player, reason, details):
        self.say("control", "violation", reason=reason, player=player, details=details, text=f"{self.name(player)}: {details}")

    def other(self, player):
        return next(seat for seat in self.state["players"] if seat != player)

    def clocks(self):
        """Returns the milliseconds that each player has left, if there are clocks. That of the player to move runs."""
        state, gone = self.state, self.milliseconds - self.state["since"]
        return {player: max(0, left - (gone if player == state["turn"] else 0))
                for player, left in zip(state["players"], state["clocks"]) if self.base}

    def board(self):
        state, rows = self.state, {str(8 - at): row for at, row in enumerate(rows_of(self.state["fen"]))}
        return dict(kind="grid", pieces="chess", columns="abcdefgh", rows=rows, last=state["last"], turned_for=state["players"][1:])

    def drawing(self):
        """Returns the board as text, with the clocks."""
        rows = [f"{8 - at} {' '.join(row)}" for at, row in enumerate(rows_of(self.state["fen"]))]
        clocks = [f"{self.name(player)}: {clock(left)}" for player, left in self.clocks().items()]
        return "\n".join([*rows, "  a b c d e f g h", *clocks])

    def status(self):
        state, turn = self.state, self.state["turn"]
        offer = f" {self.name(state['offer'])} offers a draw." if state["offer"] else ""
        text = f"{self.name(turn)} is to move.{offer}" if turn else f"Phase: {state['phase']}."
        return {"type": "status", "phase": state["phase"], "game": state["game"], "players": state["players"], "current_turn": turn,
                "turn_id": state["turn_id"], "fen": state["fen"], "board": self.board(), "draw_offer": state["offer"],
                "clocks": self.clocks(), "text": f"{text}\n{self.drawing()}"}

    def help(self):
        draws = "offer draw, accept draw; claim draw - after three equal positions or fifty quiet moves; claim draw Nf3 - by a move"
        commands = ["Nf3, exd5, O-O, e8=Q or g1f3 - move", "resign", draws, "start or rematch - play", "!status", "!help"]
        return {"type": "help", "commands": commands,
                "text": "Post in the channel: " + "; ".join(commands) + ". Programs post {\"move\": \"Nf3\"} as data."}

    def name(self, slot_id):
        return {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}.get(slot_id) or slot_id

    def say(self, kind, event, **fields):
        self.ctx.post(kind, {name: value for name, value in fields.items() if name != "clocks" or value} | {"type": event})

    def remember(self):
        self.ctx.set_state(self.state)


def clock(milliseconds):
    """Returns a time as 1:59:30.5."""
    return f"{milliseconds // 3600000}:{milliseconds // 60000 % 60:02}:{milliseconds // 1000 % 60:02}.{milliseconds // 100 % 10}"


def read_params(params):
    for name in params:
        if name not in PARAMS:
            raise ValueError(f"ChessBot has no parameter '{name}'. It has: {', '.join(PARAMS)}.")
    chosen = PARAMS | params
    base, increment = chosen["base_seconds"], chosen["increment_seconds"]
    need(chosen["first"] in ("join", "random"), 'must be "join" or "random"', "first")
    need(base is None or type(base) is int and 1 <= base <= 86400,
         "must be a whole number from 1 to 86400, or left out", "base_seconds")
    need(type(increment) is int and 0 <= increment <= (3600 if base else 0),
         "must be a whole number from 0 to 3600; it needs 'base_seconds'", "increment_seconds")
    if chosen["fen"] is not None:
        position = read_fen(chosen["fen"])
        need(position.legal() and position.quiet < 150 and position.can_mate(True, False), "is a finished game")
    return chosen


def read(body):
    """Parses a message: returns (action, text of a move), or (None, None) for conversation."""
    is_data = body.get("type") == "move"  # {"type": "move", "action": "move", "value": "Nf3"}, or "action": "resign"
    if "move" in body or is_data and body.get("action") == "move":
        return "claim" if body.get("claim") is True else "move", cleaned(body.get("move", body.get("value")))
    text = str(body.get("action" if is_data else "text", "")).strip().lstrip("*_`\"' ")
    command = COMMAND.fullmatch(text.lower().rstrip("!?.*_`\"' "))
    action, move = "claim" if CLAIM.match(text) else "move", cleaned(CLAIM.sub("", text))
    return (command.lastgroup, "") if command else (action, move) if MOVE.fullmatch(move) else (None, None)


def cleaned(value):
    """Returns a text without what people write around a move; an empty text for anything else."""
    text = value.translate(SIGNS).strip().lstrip("*_`\"' ") if isinstance(value, str) and len(value) <= 40 else ""
    text = re.sub(r" ?\(?e\.?p$", "", BEFORE.sub("", text).strip().rstrip("+#!?.,;)*_`\"' "))
    return text.upper().replace("0", "O") if re.fullmatch("[oO0]-[oO0](?:-[oO0])?", text) else text
