"""Tic-tac-toe between two players who never lose: TicTacToeBot keeps the board; who begins is drawn fairly.

    .venv-clients/bin/python examples/tic_tac_toe/play.py [--slow] [--relay URL --token A --token B]
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seats import CheckFailed, options, players, run, say, sit_down  # noqa: E402

LINES = ((1, 2, 3), (4, 5, 6), (7, 8, 9), (1, 4, 7), (2, 5, 8), (3, 6, 9), (1, 5, 9), (3, 5, 7))


def winner(board):
    return next((board[a - 1] for a, b, c in LINES if board[a - 1] and board[a - 1] == board[b - 1] == board[c - 1]), None)


def value(board, me, other, to_move):
    """1 if `me` wins when both play their best, -1 if it loses, 0 for a draw."""
    if winner(board):
        return 1 if winner(board) == me else -1
    moves = [at for at in range(9) if not board[at]]
    if not moves:
        return 0
    results = [value([*board[:at], to_move, *board[at + 1:]], me, other, other if to_move == me else me) for at in moves]
    return max(results) if to_move == me else min(results)


def best(board, me, other):
    """The first of the cells that lead to the best end."""
    free = [at for at in range(9) if not board[at]]
    if len(free) == 9:
        return 5
    return max(free, key=lambda at: value([*board[:at], me, *board[at + 1:]], me, other, other)) + 1


async def play(player):
    answered = 0
    while not player.said("game_end"):
        turns = player.said("bot:turn")
        if turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == player.slot_id:
            answered = turns[-1]["id"]
            marks = player.said("game_start")[-1]["body"]["marks"]
            other = next(mark for slot_id, mark in marks.items() if slot_id != player.slot_id)
            cell = best(turns[-1]["body"]["board"], marks[player.slot_id], other)
            await say(player, f"I take {cell}.", cell=cell)
        else:
            await player.sync()


def check_game(player):
    """The log alone gives the board: every cell once, in turns, and nobody won before the end."""
    board, last = [""] * 9, None
    for message in player.said("placed"):
        move = message["body"]
        if board[move["cell"] - 1] or move["player"] == last or winner(board):
            raise CheckFailed(f"Entry {message['id']} is no move that the rules allow.")
        board[move["cell"] - 1], last = move["mark"], move["player"]
    end = player.said("game_end")[-1]["body"]
    if board != end["board"] or bool(winner(board)) != (end["reason"] == "line"):
        raise CheckFailed("The board at the end is not what the moves make of it.")
    return end


async def example(chosen):
    async with players(chosen, "alice", "bob") as (stage, alice, bob):
        await sit_down(alice, bob, preset="TicTacToeBot", params={"first": "random", "turn_seconds": 60})
        async with asyncio.timeout(60):
            await asyncio.gather(play(alice), play(bob))
        for player in (alice, bob):
            end = check_game(player)
            stage.say(player.name, f"{len(player.said('placed'))} moves, all by the rules; winner: {end['winner']}", stage.tick())


if __name__ == "__main__":
    run(example, options(__doc__.splitlines()[0]))
