"""AuctionBot: a seller with a sealed reserve price, and two bidders; everybody verifies winner and price from the log.

    .venv-clients/bin/python examples/auction/play.py [--slow] [--relay URL --token A --token B --token C]
"""

import copy
import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, CommandError, create_and_join, dm, parse_options, players, post, run, wait_for_post  # noqa: E402

RULES = {"item": "a vase", "seller": "alice", "reserve": "sealed", "price": "second", "min_bid": 10, "step": 10, "turn_seconds": 60}


async def bid(player, text):
    await dm(player, text)
    return await wait_for_post(player, "receipt")


async def auction(alice, bob, carol):
    """Plays the auction to its end; carol first makes a mistake."""
    await bid(alice, "reserve 100")
    await wait_for_post(carol, "bot:turn", 2)
    await post(carol, "bid 150")
    await wait_for_post(carol, "violation")
    await bid(bob, "bid 187")
    await bid(carol, "bid 240")
    for player in (alice, bob, carol):
        await wait_for_post(player, "game_end")


def opened(proof, commitment, what):
    """Returns the value of a commitment, after comparing its text and salt with it."""
    if "sha256:" + hashlib.sha256(f"{proof['text']}|{proof['salt']}".encode()).hexdigest() != commitment:
        raise CheckFailed(f"{what} does not fit its commitment.")
    return json.loads(proof["text"])


def check_sale(messages, referee):
    """Recomputes winner and price from what was opened at the end; returns the post with the result."""
    posts = {}
    for message in messages:
        if message["sender"] == f"bot:{referee}" and message["body"]:
            posts.setdefault(message["body"].get("type"), []).append(message["body"])
    [start], [end], sealed = posts["game_start"], posts["game_end"], {each["player"]: each for each in posts["sealed"]}
    order = opened(end["tie_order"], start["tie_commitment"], "The order that breaks ties")["order"]
    reserve = opened(end["reserve_proof"], posts["reserve_sealed"][0]["commitment"], "The reserve price")["reserve"]
    if sorted(order) != sorted(start["players"]) or sorted(sealed) != sorted(each["player"] for each in end["bids"]):
        raise CheckFailed("Not all bids were opened.")
    bids = []
    for each in end["bids"]:
        value = opened(each, sealed[each["player"]]["commitment"], f"The bid of {each['player']}")
        if value["player"] != each["player"] or value["bid"] != each["bid"]:
            raise CheckFailed(f"The bid of {each['player']} was another one.")
        if value["bid"] is not None and value["bid"] >= reserve:
            bids.append((-value["bid"], order.index(value["player"]), value["player"]))
    bids.sort()
    expected = (bids[0][2], max([reserve, *[-each[0] for each in bids[1:2]]])) if bids else (None, None)
    if (end["winner"], end["price"]) != expected:
        raise CheckFailed(f"By the rules it is {expected}, not {end['winner']} for {end['price']}.")
    return end


async def example(options):
    async with players(options, "alice", "bob", "carol") as (screen, *everybody):
        await create_and_join(*everybody, preset="AuctionBot", params=RULES, manifest={"unseals": True})
        await auction(*everybody)
        screen.title("Each player verifies the sale")
        carol = everybody[2]
        for player in everybody:
            end = check_sale(player.messages, player.referee)
            if (end["winner"], end["price"], end["unsealed"]) != (carol.slot_id, 180, True):
                raise CheckFailed(f"The auction did not go as expected: {end['text']}")
            screen.show(player.name, f"all bids fit their commitments; carol buys for {end['price']}", screen.tick())
        forged = copy.deepcopy(everybody[1].messages)
        bids = next(message["body"]["bids"] for message in forged if (message["body"] or {}).get("type") == "game_end")
        bids[1]["text"] = bids[1]["text"].replace("180", "230")
        try:
            check_sale(forged, everybody[1].referee)
        except CheckFailed as failure:
            screen.show("one bid altered", str(failure), screen.cross())
        else:
            raise CommandError("A forged bid passed the check, so the check proves nothing.")


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
