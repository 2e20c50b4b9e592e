"""BlackjackBot: two players play two rounds, and both verify every card.

    .venv-clients/bin/python examples/blackjack/play.py [--slow] [--relay URL --token A --token B]
"""

import asyncio
import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cards import CheckFailed, check_round, points  # noqa: E402
from runner import CommandError, create_and_join, parse_options, players, post, run  # noqa: E402

ROUNDS = 2


def choose(hand):
    """Chooses a move by a simple strategy: returns (action, explanation)."""
    cards = [each["card"] for each in hand["cards"]]
    total, _ = points(cards)
    if len(cards) == 2 and cards[0][:-1] == cards[1][:-1] and cards[0][:-1] in ("A", "8") and not hand["split"]:
        return "split", "Always split aces and eights."
    if len(cards) == 2 and total in (10, 11):
        return "double", "That looks good."
    return ("hit", "One more.") if total < 17 else ("stand", "Enough.")


async def play(player, bet):
    """Bets in each round, and plays the player's own hands."""
    answered = 0
    while len(player.referee_posts("shoe_opened")) < ROUNDS:
        turns, ended = player.referee_posts("turn"), player.referee_posts("round_end")
        bets = [message for message in player.referee_posts("bet") if message["body"]["player"] == player.slot_id]
        if len(bets) == len(ended) < ROUNDS:
            await post(player, f"bet {bet}")
        elif turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == player.slot_id \
                and len(player.referee_posts("round_start")) > len(ended):
            answered = turns[-1]["id"]
            action, why = choose(turns[-1]["body"]["hand"])
            # People read the text; the dealer reads the data.
            await post(player, why, type="move", action=action)
        else:
            await player.sync()


async def example(options):
    async with players(options, "alice", "bob") as (screen, alice, bob):
        await create_and_join(alice, bob, preset="BlackjackBot", params={"decks": 1})
        async with asyncio.timeout(120):
            await asyncio.gather(play(alice, 50), play(bob, 20))
        screen.title("Each player verifies the rounds")
        for player in (alice, bob):
            for number in range(1, ROUNDS + 1):
                proof = check_round(player.messages, player.referee, number)
                screen.show(player.name, f"round {number}: all {proof.shown} cards shown come from the shoe of {proof.cards} that was "
                                         f"committed to before the deal; the hole card was {proof.hole}; the dealer played "
                                         "and paid by the rules", screen.tick())
        forged = copy.deepcopy(bob.messages)
        dealt = next(message["body"] for message in forged if (message["body"] or {}).get("type") == "dealt")
        dealt["dealer"]["up"][0]["card"] = "AS" if dealt["dealer"]["up"][0]["card"] != "AS" else "KS"
        try:
            check_round(forged, bob.referee)
        except CheckFailed as failure:
            screen.show("one card altered", str(failure), screen.cross())
        else:
            raise CommandError("A forged card passed the check, so the check proves nothing.")


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
