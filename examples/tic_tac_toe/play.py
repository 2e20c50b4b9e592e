"""TicTacToeBot: two perfect players; the bot keeps the board and draws fairly who begins.

    .venv-clients/bin/python examples/tic_tac_toe/play.py [--slow] [--relay URL --token A --token B]
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, create_and_join, parse_options, players, post, run  # noqa: E402

CELLS = [column + row for row in "123" for column in "abc"]
LINES = [[column + row for column in "abc"] for row in "123"] + [[column + row for row in "123"] for column in "abc"]
LINES += [["a1", "b2", "c3"], ["c1", "b2", "a3"]]


def winner(board):
    return next((board[a] for a, b, c in LINES if board.get(a) and board[a] == board.get(b) == board.get(c)), None)


def value(board, me, other, to_move):
    """Returns 1 if `me` wins with perfect play on both sides, -1 if it loses, 0 for a draw."""
    if winner(board):
        return 1 if winner(board) == me else -1
    results = [value({**board, cell: to_move}, me, other, other if to_move == me else me) for cell in CELLS if cell not in board]
    return (max(results) if to_move == me else min(results)) if results else 0


def best_cell(board, me, other):
    """Returns the first cell with the best outcome."""
    free = [cell for cell in CELLS if cell not in board]
    return "b2" if len(free) == 9 else max(free, key=lambda cell: value({**board, cell: me}, me, other, other))


def marks_on(board):
    """Returns the marks on a board of the referee, by cell."""
    return {column + row: mark for row, marks in board["rows"].items() for column, mark in zip(board["columns"], marks) if mark != "."}


async def play(player):
    answered = 0
    while not player.referee_posts("game_end"):
        turns = player.referee_posts("bot:turn")
        if turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == player.slot_id:
            answered = turns[-1]["id"]
            marks = player.referee_posts("game_start")[-1]["body"]["marks"]
            other = next(mark for slot_id, mark in marks.items() if slot_id != player.slot_id)
            cell = best_cell(marks_on(turns[-1]["body"]["board"]), marks[player.slot_id], other)
            await post(player, f"I take {cell}.", cell=cell)
        else:
            await player.sync()


def check_game(player):
    """Rebuilds the board from the log, and checks that every move was legal and that the result is right."""
    board, last = {}, None
    for message in player.referee_posts("placed"):
        move = message["body"]
        if move["cell"] not in CELLS or move["cell"] in board or move["player"] == last or winner(board):
            raise CheckFailed(f"Entry {message['id']} is an illegal move.")
        board[move["cell"]], last = move["mark"], move["player"]
    end = player.referee_posts("game_end")[-1]["body"]
    if board != marks_on(end["board"]) or bool(winner(board)) != (end["reason"] == "line"):
        raise CheckFailed("The final board does not follow from the moves.")
    return end


async def example(options):
    async with players(options, "alice", "bob") as (screen, alice, bob):
        await create_and_join(alice, bob, preset="TicTacToeBot", params={"first": "random", "turn_seconds": 60})
        async with asyncio.timeout(60):
            await asyncio.gather(play(alice), play(bob))
        for player in (alice, bob):
            end = check_game(player)
            screen.show(player.name, f"{len(player.referee_posts('placed'))} moves, all legal; winner: {end['winner']}", screen.tick())


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
