"""TicTacToeBot: two perfect players; the bot keeps the board and draws fairly who begins.

    .venv-clients/bin/python examples/tic_tac_toe/play.py [--slow] [--relay URL --token A --token B]
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, create_and_join, parse_options, players, post, run  # noqa: E402

LINES = ((1, 2, 3), (4, 5, 6), (7, 8, 9), (1, 4, 7), (2, 5, 8), (3, 6, 9), (1, 5, 9), (3, 5, 7))


def winner(board):
    return next((board[a - 1] for a, b, c in LINES if board[a - 1] and board[a - 1] == board[b - 1] == board[c - 1]), None)


def value(board, me, other, to_move):
    """Returns 1 if `me` wins with perfect play on both sides, -1 if it loses, 0 for a draw."""
    if winner(board):
        return 1 if winner(board) == me else -1
    moves = [at for at in range(9) if not board[at]]
    if not moves:
        return 0
    results = [value([*board[:at], to_move, *board[at + 1:]], me, other, other if to_move == me else me) for at in moves]
    return max(results) if to_move == me else min(results)


def best_cell(board, me, other):
    """Returns the first cell with the best outcome."""
    free = [at for at in range(9) if not board[at]]
    if len(free) == 9:
        return 5
    return max(free, key=lambda at: value([*board[:at], me, *board[at + 1:]], me, other, other)) + 1


async def play(player):
    answered = 0
    while not player.referee_posts("game_end"):
        turns = player.referee_posts("bot:turn")
        if turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == player.slot_id:
            answered = turns[-1]["id"]
            marks = player.referee_posts("game_start")[-1]["body"]["marks"]
            other = next(mark for slot_id, mark in marks.items() if slot_id != player.slot_id)
            cell = best_cell(turns[-1]["body"]["board"], marks[player.slot_id], other)
            await post(player, f"I take {cell}.", cell=cell)
        else:
            await player.sync()


def check_game(player):
    """Rebuilds the board from the log, and checks that every move was legal and that the result is right."""
    board, last = [""] * 9, None
    for message in player.referee_posts("placed"):
        move = message["body"]
        if board[move["cell"] - 1] or move["player"] == last or winner(board):
            raise CheckFailed(f"Entry {message['id']} is an illegal move.")
        board[move["cell"] - 1], last = move["mark"], move["player"]
    end = player.referee_posts("game_end")[-1]["body"]
    if board != end["board"] or bool(winner(board)) != (end["reason"] == "line"):
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
