"""BargainBot: two parties seal their limits, recompute the deal from what is opened, and can prove what stays sealed.

    .venv-clients/bin/python examples/bargain/play.py [--slow] [--relay URL --token A --token B]
"""

import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, create_and_join, dm, parse_options, players, run, wait_for_post  # noqa: E402

ISSUES = [{"name": "price", "unit": "EUR", "min": 1000, "max": 9000, "step": 50},
          {"name": "days", "high": "bob", "min": 1, "max": 60}]
FIRST = ("limit price 7200, days 10", "limit price 7000, days 14")
SECOND = ("limit price 6900, days 20", "limit price 7025, days 14")
DEAL = {"price": 6950, "days": 17}  # 6900 to 7000 and 14 to 20, the midpoints


async def bargain(alice, bob, rounds, **params):
    """Bargains in a channel of its own; returns the result."""
    for player in (alice, bob):
        player.cursor, player.messages = 0, []
    manifest = {"unseals": True} if params["unseal"] == "always" else None
    params = {"issues": ISSUES, "rounds": len(rounds), **params}
    await create_and_join(alice, bob, preset="BargainBot", params=params, manifest=manifest)
    for number, limits in enumerate(rounds, 1):
        await wait_for_post(alice, "bot:turn", number)
        for player, text in zip((alice, bob), limits):
            await dm(player, text)
            await wait_for_post(player, "receipt", number)
    await wait_for_post(bob, "game_end")
    return await wait_for_post(alice, "game_end")


def deal_of(start, limits):
    """Returns the deal for the limits of both parties, by the rule of the game; None if an issue does not overlap."""
    deal = {}
    for issue in start["issues"]:
        name, least, step = issue["name"], issue["min"], issue["step"]
        low = -((least - limits[issue["high"]][name]) // step)
        high = (limits[issue["low"]][name] - least) // step
        if low > high:
            return None
        deal[name] = least + step * (low + (high - low) * start["share"] // 100)
    return deal


def check_proof(player, proof):
    """Checks that a text and its salt are those of a commitment in the log, and that the text says whose it is."""
    value = json.loads(proof["text"])
    commitment = "sha256:" + hashlib.sha256(f"{proof['text']}|{proof['salt']}".encode()).hexdigest()
    place = (value["game"], value["round"], value["player"], commitment)
    posted = [message["body"] for message in player.referee_posts("sealed")]
    if place not in [(each["game"], each["round"], each["player"], each["commitment"]) for each in posted]:
        raise CheckFailed(f"The log has no such commitment: {place}.")
    return value


def check_deal(player):
    """Recomputes each round of the game from the opened limits."""
    start, end = (player.referee_posts(kind)[-1]["body"] for kind in ("game_start", "game_end"))
    rounds = {}
    for proof in end["opened"]:
        value = check_proof(player, proof)
        rounds.setdefault(value["round"], {})[value["player"]] = value["limits"]
    deals = [deal_of(start, rounds[number]) for number in sorted(rounds)]
    if deals != [None] * (end["round"] - 1) + [end["deal"]]:
        raise CheckFailed(f"The limits lead to {deals}, not to {end['deal']}.")


async def example(options):
    async with players(options, "alice", "bob") as (screen, alice, bob):
        screen.title("Two rounds, whose limits are all opened at the end")
        end = await bargain(alice, bob, [FIRST, SECOND], unseal="always")
        if (end["result"], end["deal"], end["unsealed"]) != ("DEAL", DEAL, True):
            raise CheckFailed(f"The bargain did not go as expected: {end['text']}")
        for player in (alice, bob):
            check_deal(player)
            screen.show(player.name, f"recomputed both rounds from the opened limits: {end['deal']}", screen.tick())

        screen.title("One round, whose limits stay sealed")
        end = await bargain(alice, bob, [SECOND], unseal="never")
        if (end["result"], end["deal"], end["opened"], end["unsealed"]) != ("DEAL", DEAL, [], False):
            raise CheckFailed(f"The bargain did not go as expected: {end['text']}")
        for player, other in ((alice, bob), (bob, alice)):
            proof = player.referee_posts("receipt")[-1]["body"]["proof"]
            value = check_proof(other, proof)
            if value["player"] != player.slot_id or proof["salt"] in str(other.messages) or proof["text"] in str(other.messages):
                raise CheckFailed(f"{other.name} can read the limits of {player.name}.")
            screen.show(player.name, f"can prove its own limits, {value['limits']}, which {other.name} cannot read", screen.tick())


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
