"""ChessBot: two players repeat a famous game to its mate, and each checks every position and the PGN from the log.

    .venv-clients/bin/python examples/chess/play.py [--slow] [--relay URL --token A --token B]
"""

import asyncio
import copy
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, CommandError, create_and_join, parse_options, players, post, run  # noqa: E402

# Paul Morphy against the Duke of Brunswick and Count Isouard, Paris 1858.
GAME = """e4 e5 Nf3 d6 d4 Bg4 dxe5 Bxf3 Qxf3 dxe5 Bc4 Nf6 Qb3 Qe7 Nc3 c6 Bg5 b5 Nxb5 cxb5 Bxb5+ Nbd7 O-O-O Rd8 Rxd7 Rxd7 Rd1 Qe6
Bxd7+ Nxd7 Qb8+ Nxb8 Rd8#""".split()


async def play(player):
    answered = 0
    while not player.referee_posts("game_end"):
        turns = player.referee_posts("bot:turn")
        if turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == player.slot_id:
            answered = turns[-1]["id"]
            move = GAME[len(player.referee_posts("moved"))]
            await post(player, f"I play {move}.", turn_id=turns[-1]["body"]["turn_id"])
        else:
            await player.sync()


def cells(fen):
    """Returns the pieces of a FEN by cell; "." is an empty one."""
    rows = re.sub("[1-8]", lambda digit: "." * int(digit[0]), fen.split()[0]).split("/")
    return {column + row: piece for row, pieces in zip("87654321", rows) for column, piece in zip("abcdefgh", pieces)}


def put(board, uci):
    """Makes a move on the board, without asking whether it is legal."""
    start, target, promotion = uci[:2], uci[2:4], uci[4:]
    piece, row = board[start], start[1]
    if piece in "Pp" and start[0] != target[0] and board[target] == ".":
        board[target[0] + row] = "."  # en passant
    if piece in "Kk" and start[0] == "e" and target[0] in "cg":
        rook, beside = ("a", "d") if target[0] == "c" else ("h", "f")
        board[beside + row], board[rook + row] = board[rook + row], "."
    board[start], board[target] = ".", (promotion.upper() if piece == "P" else promotion) or piece


def check_game(start, moves, end):
    """Replays the moves on a board of its own; returns the moves as they are in the PGN. The arguments are bodies of posts."""
    board, (white, black) = cells(start["fen"]), start["players"]
    for number, move in enumerate(moves):
        piece, san = board[move["uci"][:2]], move["san"].rstrip("+#")
        named = "K" if san.startswith("O") else san[0] if san[0] in "KQRBN" else "P"
        if move["player"] != (black if number % 2 else white) or piece.isupper() == bool(number % 2):
            raise CheckFailed(f"Move {move['number']} {move['san']} was not this player's.")
        if piece.upper() != named or not san.startswith("O") and san.split("=")[0][-2:] != move["uci"][2:4]:
            raise CheckFailed(f"{move['san']} is not {move['uci']}.")
        put(board, move["uci"])
        if board != cells(move["fen"]):
            raise CheckFailed(f"The position after {move['number']} {move['san']} does not follow from the one before.")
    tags, text = end["pgn"].split("\n\n")
    *written, result = re.sub(r"{[^}]*}|\d+\.+", " ", text).split()
    if written != [move["san"] for move in moves] or board != cells(end["fen"]):
        raise CheckFailed("The PGN or the final position is not the game that was played.")
    winner = {"1-0": white, "0-1": black}.get(result)
    if result != end["result"] or f'[Result "{result}"]' not in tags or winner != end["winner"]:
        raise CheckFailed("The result is not the same everywhere.")
    if end["reason"] == "checkmate" and not (moves[-1]["san"].endswith("#") and moves[-1]["player"] == winner):
        raise CheckFailed("The mate is not the last move's.")
    return written


async def example(options):
    async with players(options, "alice", "bob") as (screen, alice, bob):
        clock = {"base_seconds": 300, "increment_seconds": 2}
        await create_and_join(alice, bob, preset="ChessBot", params={"first": "random"} | clock)
        async with asyncio.timeout(90):
            await asyncio.gather(play(alice), play(bob))
        screen.title("Each player verifies the game")
        for player in (alice, bob):
            bodies = [[message["body"] for message in player.referee_posts(kind)] for kind in ("game_start", "moved", "game_end")]
            start, moves, end = bodies[0][-1], bodies[1], bodies[2][-1]
            if check_game(start, moves, end) != GAME:
                raise CheckFailed("The moves are not those that the players posted.")
            screen.show(player.name, f"{len(moves)} moves lead from position to position and are those of the PGN; "
                                     f"{end['reason']}, {end['result']}, winner: {end['winner']}", screen.tick())
        forged = copy.deepcopy(moves)
        forged[20]["fen"] = forged[18]["fen"]
        try:
            check_game(start, forged, end)
        except CheckFailed as failure:
            screen.show("one altered", str(failure), screen.cross())
        else:
            raise CommandError("A forged position passed the check, so the check proves nothing.")


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
