"""ConnectFourBot: one player looks further ahead than the other; every move and the result are checked from the log.

    .venv-clients/bin/python examples/connect_four/play.py [--slow] [--relay URL --token A --token B]
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, create_and_join, parse_options, players, post, run  # noqa: E402

COLUMNS, HEIGHT = "abcdefg", 6
BEST_FIRST = "dcebfag"
DEPTHS = {"alice": 4, "bob": 1}  # how many moves each looks ahead
# All 69 places of four cells in a row.
LINES = [[(x + n * right, y + n * up) for n in range(4)] for x in range(7) for y in range(6)
         for right, up in ((1, 0), (0, 1), (1, 1), (1, -1)) if x + 3 * right < 7 and 0 <= y + 3 * up < 6]


def winner(board):
    """Returns the disc that has four in a row on a board of discs by cell; None if there is none."""
    return next((board[line[0]] for line in LINES if line[0] in board and len({board.get(cell) for cell in line}) == 1), None)


def discs_on(board):
    """Returns the discs on a board of the referee by cell, counted from 0 from the left and from below."""
    rows = board["rows"].items()
    return {(COLUMNS.index(column), int(row) - 1): disc for row, discs in rows for column, disc in zip(board["columns"], discs) if disc != "."}


def moves(board):
    """Yields each column that is not full, with the cell on which a disc would lie."""
    for column in BEST_FIRST:
        x = COLUMNS.index(column)
        height = next((y for y in range(HEIGHT) if (x, y) not in board), None)
        if height is not None:
            yield column, (x, height)


def value(board, disc, depth):
    """Returns how good a position is for the player who is to move: positive if it wins within `depth` moves."""
    if winner(board):
        return -1 - depth  # the opponent's last disc made the row; the sooner, the worse
    after = [{**board, cell: disc} for _, cell in moves(board)] if depth else []
    return max((-value(each, other(disc), depth - 1) for each in after), default=0)


def other(disc):
    return "Y" if disc == "R" else "R"


def best_column(board, disc, depth):
    """Returns the first column with the best outcome, from the middle."""
    return max(moves(board), key=lambda move: -value({**board, move[1]: disc}, other(disc), depth - 1))[0]


async def play(player):
    answered = 0
    while not player.referee_posts("game_end"):
        turns = player.referee_posts("bot:turn")
        if turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == player.slot_id:
            answered = turns[-1]["id"]
            disc = player.referee_posts("game_start")[-1]["body"]["discs"][player.slot_id]
            column = best_column(discs_on(turns[-1]["body"]["board"]), disc, DEPTHS[player.name])
            await post(player, f"I drop in {column}.", column=column, turn_id=turns[-1]["body"]["turn_id"])
        else:
            await player.sync()


def check_game(player):
    """Rebuilds the board from the log, and checks that every move was legal and that the result is right."""
    board, last = {}, None
    start = player.referee_posts("game_start")[-1]["body"]
    for message in player.referee_posts("dropped"):
        move = message["body"]
        cell = COLUMNS.index(move["cell"][0]), int(move["cell"][1:]) - 1
        is_legal = (move["column"], cell) in moves(board) and start["discs"][move["player"]] == move["disc"]
        if not is_legal or move["player"] == (last or start["players"][1]) or winner(board):
            raise CheckFailed(f"Entry {message['id']} is an illegal move.")
        board[cell], last = move["disc"], move["player"]
    end = player.referee_posts("game_end")[-1]["body"]
    if board != discs_on(end["board"]):
        raise CheckFailed("The final board does not follow from the moves.")
    row = {(COLUMNS.index(name[0]), int(name[1:]) - 1) for name in end["line"] or []}
    expected = {cell for line in LINES if line[0] in board and len({board.get(cell) for cell in line}) == 1 for cell in line}
    if row != expected or (end["winner"] if row else None) != (last if expected else None):
        raise CheckFailed("The result does not follow from the moves.")
    return end


async def example(options):
    async with players(options, "alice", "bob") as (screen, alice, bob):
        await create_and_join(alice, bob, preset="ConnectFourBot", params={"first": "random", "turn_seconds": 60})
        async with asyncio.timeout(90):
            await asyncio.gather(play(alice), play(bob))
        for player in (alice, bob):
            end = check_game(player)
            result = "a row of four: " + " ".join(end["line"]) if end["line"] else "a full board"
            screen.show(player.name, f"{len(player.referee_posts('dropped'))} moves, all legal; {result}; winner: {end['winner']}", screen.tick())


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
