"""RockPaperScissorsBot: choices sealed by private message; each player checks that its own were posted, and the score.

    .venv-clients/bin/python examples/rock_paper_scissors/play.py [--slow] [--relay URL --token A --token B]
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, create_and_join, dm, parse_options, players, run  # noqa: E402

BEATS = {"rock": "scissors", "scissors": "paper", "paper": "rock"}


def in_turn(player, throws):
    """Alice's way: rock, paper, scissors, and again."""
    return ("rock", "paper", "scissors")[len(throws) % 3]


def as_the_opponent(player, throws):
    """Bob's way: the opponent's last choice."""
    last = throws[-1]["choices"] if throws else {None: "rock"}
    return next(choice for slot_id, choice in last.items() if slot_id != player.slot_id)


async def play(player, choose):
    """Plays a game; returns the choices that the player sent, by the number of their turn."""
    sent = {}
    while not player.referee_posts("game_end"):
        turn = next((message["body"] for message in reversed(player.referee_posts("bot:turn"))), {"turn_id": None})
        if turn["turn_id"] is None or turn["turn_id"] in sent:
            await player.sync()
            continue
        throws = [message["body"] for message in player.referee_posts("revealed")]
        sent[turn["turn_id"]] = choose(player, throws)
        await dm(player, sent[turn["turn_id"]])
    return sent


def check_game(player, sent):
    """Checks that the posted choices are those that the player sent, and recomputes the score."""
    throws = [message["body"] for message in player.referee_posts("revealed")]
    if [throw["choices"][player.slot_id] for throw in throws] != [sent[turn_id] for turn_id in sorted(sent)]:
        raise CheckFailed("The referee posted another choice than the player sent.")
    end = player.referee_posts("game_end")[-1]["body"]
    one, two = end["players"]
    score = {one: 0, two: 0}
    for throw in throws:
        first, second = throw["choices"][one], throw["choices"][two]
        winner = one if BEATS[first] == second else two if BEATS[second] == first else None
        if winner != throw["winner"]:
            raise CheckFailed("A throw has another winner.")
        if winner:
            score[winner] += 1
    leader = None if score[one] == score[two] else max(score, key=score.get)
    if (score, leader) != (end["score"], end["winner"]):
        raise CheckFailed("The result does not follow from the throws.")
    if not end["unsealed"]:
        raise CheckFailed("The private messages were not opened.")
    return len(throws), score


async def example(options):
    async with players(options, "alice", "bob") as (screen, alice, bob):
        await create_and_join(alice, bob, preset="RockPaperScissorsBot", params={"rounds": 5, "turn_seconds": 60})
        async with asyncio.timeout(60):
            choices = await asyncio.gather(play(alice, in_turn), play(bob, as_the_opponent))
        for player, sent in zip((alice, bob), choices):
            count, score = check_game(player, sent)
            result = ", ".join(f"{slot_id} {points}" for slot_id, points in score.items())
            screen.show(player.name, f"{count} throws, all as they were sent; score: {result}; the messages are open now", screen.tick())


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
