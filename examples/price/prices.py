"""A price that all players read from the same answer of the same source: PriceBot.

    .venv-clients/bin/python examples/price/prices.py        a source on this machine
    .venv-clients/bin/python examples/price/prices.py --path data.amount \\
        --url https://api.coinbase.com/v2/prices/BTC-USD/spot       a public one
"""

import hashlib
import json
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loopback import json_server  # noqa: E402
from seats import CheckFailed, heard, options, players, run, say, sit_down  # noqa: E402

QUOTES = {"data": {"currency": "BTC", "rates": {"EUR": "98211.40", "USD": "114609.375"}}}


async def example(chosen):
    with ExitStack() as stack:
        url, path, allow = chosen.url, chosen.path or "data.rates.USD", ()
        if url is None:
            address = stack.enter_context(json_server(lambda *_: (200, QUOTES)))
            url, allow = f"http://{address}/v2/exchange-rates", (address,)
        async with players(chosen, "alice", "bob", allow=allow) as (stage, alice, bob):
            await sit_down(alice, bob, preset="PriceBot", params={"url": url, "path": path, "label": "BTC", "unit": "USD"})
            await say(alice, "!price")
            for player in (alice, bob):
                price = await price_read_by(player)
                stage.say(player.name, f"reads {price['value']} {price['unit']}, of {price['time']}", stage.tick())
            [again] = await say(bob, "And now?", type="move", action="price")
            stage.say("bob", "asks again: it is " + ("the same answer" if again.get("cached") else "a new answer"), stage.tick())
            if alice.said("price")[0] != bob.said("price")[0]:
                raise CheckFailed("They do not read the same.")
            if chosen.url is None:
                check_source(alice.said("price")[0]["body"])
                stage.whisper("...", "a public source, which the relay reaches without being told: --path data.amount "
                                     "--url https://api.coinbase.com/v2/prices/BTC-USD/spot")


async def price_read_by(player):
    """The price; or the referee's words why there is none."""
    while not player.said("price"):
        if player.said("price_error"):
            raise CheckFailed(player.said("price_error")[-1]["body"]["text"])
        await player.sync()
    return await heard(player, "price")


def check_source(price):
    """Who has the source's answer, too, can check that the bot posted it as it was."""
    body = json.dumps(QUOTES).encode()
    if price["value"] != "114609.375" or price["body_sha256"] != hashlib.sha256(body).hexdigest():
        raise CheckFailed("The price is not what the source answered.")


if __name__ == "__main__":
    run(example, options(__doc__.splitlines()[0], ("--url", "a JSON source"), ("--path", "where its number is")))
