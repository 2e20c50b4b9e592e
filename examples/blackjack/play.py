"""Two players at a blackjack table whose dealer proves every card: BlackjackBot, two rounds, checked by both.

    .venv-clients/bin/python examples/blackjack/play.py [--slow] [--relay URL --token A --token B]
"""

import asyncio
import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cards import CheckFailed, check_round, points  # noqa: E402
from seats import Trouble, options, players, run, say, sit_down  # noqa: E402

ROUNDS = 2


def choose(hand):
    """A simple way to play: (what to do, why)."""
    cards = [each["card"] for each in hand["cards"]]
    total, _ = points(cards)
    if len(cards) == 2 and cards[0][:-1] == cards[1][:-1] and cards[0][:-1] in ("A", "8") and not hand["split"]:
        return "split", "Aces and eights apart."
    if len(cards) == 2 and total in (10, 11):
        return "double", "That looks good."
    return ("hit", "One more.") if total < 17 else ("stand", "Enough.")


async def play(player, bet):
    """Bets in each round, and plays its own hands."""
    answered = 0
    while len(player.said("shoe_opened")) < ROUNDS:
        turns, ended = player.said("turn"), player.said("round_end")
        bets = [message for message in player.said("bet") if message["body"]["player"] == player.slot_id]
        if len(bets) == len(ended) < ROUNDS:
            await say(player, f"bet {bet}")
        elif turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == player.slot_id \
                and len(player.said("round_start")) > len(ended):
            answered = turns[-1]["id"]
            action, why = choose(turns[-1]["body"]["hand"])
            # The text is for people, the data for the dealer.
            await say(player, why, type="move", action=action)
        else:
            await player.sync()


async def example(chosen):
    async with players(chosen, "alice", "bob") as (stage, alice, bob):
        await sit_down(alice, bob, preset="BlackjackBot", params={"decks": 1})
        async with asyncio.timeout(120):
            await asyncio.gather(play(alice, 50), play(bob, 20))
        stage.title("The proof, computed by each player alone")
        for player in (alice, bob):
            for number in range(1, ROUNDS + 1):
                proof = check_round(player.messages, player.referee, number)
                stage.say(player.name, f"round {number}: all {proof.shown} cards shown lie in the shoe of {proof.cards} that was "
                                       f"committed to before the deal; the hole card was {proof.hole}; the dealer played "
                                       "and paid by the rules", stage.tick())
        forged = copy.deepcopy(bob.messages)
        dealt = next(message["body"] for message in forged if (message["body"] or {}).get("type") == "dealt")
        dealt["dealer"]["up"][0]["card"] = "AS" if dealt["dealer"]["up"][0]["card"] != "AS" else "KS"
        try:
            check_round(forged, bob.referee)
        except CheckFailed as failure:
            stage.say("one card altered", str(failure), stage.cross())
        else:
            raise Trouble("A forged card passed the check. It proves nothing.")


if __name__ == "__main__":
    run(example, options(__doc__.splitlines()[0]))
