"""PriceBot: all players read a price from the same response of the same source.

    .venv-clients/bin/python examples/price/prices.py        uses a source on this machine
    .venv-clients/bin/python examples/price/prices.py --path data.amount \\
        --url https://api.coinbase.com/v2/prices/BTC-USD/spot       uses a public one
"""

import hashlib
import json
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loopback import json_server  # noqa: E402
from runner import CheckFailed, create_and_join, parse_options, players, post, run, wait_for_post  # noqa: E402

QUOTES = {"data": {"currency": "BTC", "rates": {"EUR": "98211.40", "USD": "114609.375"}}}


async def example(options):
    with ExitStack() as stack:
        url, path, allow = options.url, options.path or "data.rates.USD", ()
        if url is None:
            address = stack.enter_context(json_server(lambda *_: (200, QUOTES)))
            url, allow = f"http://{address}/v2/exchange-rates", (address,)
        async with players(options, "alice", "bob", allow=allow) as (screen, alice, bob):
            await create_and_join(alice, bob, preset="PriceBot", params={"url": url, "path": path, "label": "BTC", "unit": "USD"})
            await post(alice, "!price")
            for player in (alice, bob):
                price = await price_read_by(player)
                screen.show(player.name, f"reads {price['value']} {price['unit']}, fetched at {price['time']}", screen.tick())
            [again] = await post(bob, "And now?", type="move", action="price")
            screen.show("bob", "asks again and gets " + ("the same response" if again.get("cached") else "a new response"), screen.tick())
            if alice.referee_posts("price")[0] != bob.referee_posts("price")[0]:
                raise CheckFailed("alice and bob read different prices.")
            if options.url is None:
                check_source(alice.referee_posts("price")[0]["body"])
                screen.note("...", "to use a public source, which needs no permission: --path data.amount "
                                   "--url https://api.coinbase.com/v2/prices/BTC-USD/spot")


async def price_read_by(player):
    """Waits for the price; raises the referee's explanation if there is none."""
    while not player.referee_posts("price"):
        if player.referee_posts("price_error"):
            raise CheckFailed(player.referee_posts("price_error")[-1]["body"]["text"])
        await player.sync()
    return await wait_for_post(player, "price")


def check_source(price):
    """Checks against the source's response that the bot posted it unaltered."""
    body = json.dumps(QUOTES).encode()
    if price["value"] != "114609.375" or price["body_sha256"] != hashlib.sha256(body).hexdigest():
        raise CheckFailed("The price is not the one in the source's response.")


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0], ("--url", "URL of a JSON source"), ("--path", "path to the number in its response")))
