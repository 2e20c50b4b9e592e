"""Where the examples sit down: players over HTTP, at a relay of their own or at one that runs already.

    .venv-clients/bin/python examples/blackjack/play.py
    .venv-clients/bin/python examples/blackjack/play.py --relay http://127.0.0.1:8100 --token ALICE --token BOB

`examples/demo/setup.sh` makes .venv-clients; `mcp-multiplayer-relay token create --name alice` a token.
"""

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "demo"))

from check import CheckFailed  # noqa: E402
from demo import leaves, newest_build  # noqa: E402
from player import ToolFailed, over_http  # noqa: E402
from relay import Relay, Trouble, environment, program  # noqa: E402
from stage import Stage  # noqa: E402


def options(about, *more):
    """What a person can choose; `more` are arguments of the example's own, as (name, help)."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--bin-dir", type=Path, default=newest_build(), help="where the programs are")
    parser.add_argument("--slow", action="store_true", help="with pauses, to read along")
    parser.add_argument("--relay", help="a relay that runs, such as http://127.0.0.1:8100; else one is started")
    parser.add_argument("--token", action="append", default=[], help="with --relay: a token for each player, in order")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="where to keep the exported channels")
    for name, help_text in more:
        parser.add_argument(name, help=help_text)
    return parser.parse_args()


@asynccontextmanager
async def players(chosen, *names, allow=()):
    """The stage, and a player for each name; `allow` are addresses of this machine that bots may reach."""
    stage = Stage(fast=not chosen.slow)
    async with AsyncExitStack() as stack:
        if chosen.relay:
            if len(chosen.token) != len(names):
                raise Trouble(f"With --relay there must be one --token for each of {', '.join(names)}.")
            url, tokens = chosen.relay, chosen.token
        else:
            data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="mcp-multiplayer-example-"))
            settings = {"MCP_MULTIPLAYER_BOT_NETWORK_ALLOW": ",".join(allow)} if allow else {}
            relay = await stack.enter_async_context(Relay(chosen.bin_dir, data_dir, settings))
            url, tokens = relay.url, [await relay.create_token(name) for name in names]
        seated = [await stack.enter_async_context(over_http(name, f"{url}/mcp", token, watch=stage))
                  for name, token in zip(names, tokens)]
        yield stage, *seated
        if not chosen.relay:
            await replay(chosen, relay, stage, seated[0])


async def replay(chosen, relay, stage, host):
    """Exports each channel, as the relay's operator can, and runs its referee again from the file alone, in new processes."""
    stage.title("The referee, run again from the exported log")
    for channel in (await host.call("list_channels"))["channels"]:
        file = (chosen.keep or Path(relay.data_dir)) / f"{channel['name']}-{channel['channel_id']}.json"
        await finished(program(chosen.bin_dir, "mcp-multiplayer-relay"), "export", channel["channel_id"], "--out", str(file),
                       "--data-dir", relay.data_dir)
        code, text = await finished(program(chosen.bin_dir, "mcp-multiplayer-bot"), "replay", "--fresh", str(file), accepted=(0, 3))
        for line in text.splitlines():
            stage.say("replay", line, stage.tick() if code == 0 else " ")


async def finished(*command, accepted=(0,)):
    """Runs a program to its end: its exit code, and what it wrote."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                                                   stderr=asyncio.subprocess.STDOUT, env=environment())
    text = (await process.communicate())[0].decode(errors="replace").strip()
    if process.returncode not in accepted:
        raise Trouble(f"{Path(command[0]).name} {command[1]} ended with code {process.returncode}:\n{text}")
    return process.returncode, text


async def sit_down(host, *guests, preset, params=None, env=None):
    """A channel with a preset as the referee, and everybody seated.

    Whoever joins with randomness of their own has a part in what the referee draws.
    """
    bot = {"name": preset, "code_ref": f"builtin://{preset}", "params": params or {}}
    created = await host.call("create_channel", name=preset, bots=[bot | ({"env": env} if env else {})],
                              slots=["bot:referee", *[f"invite:{each.name}" for each in (host, *guests)]])
    if created.get("bot_errors"):
        raise Trouble("The referee could not be attached: " + created["bot_errors"][0])
    for player, invite in zip((host, *guests), created["invites"]):
        await player.call("join_channel", invite_code=invite, entropy=secrets.token_hex(32))
    for player in (host, *guests):
        await player.sync(timeout_ms=0)


async def say(player, text, **data):
    """Posts text, with `data` for programs, and returns what the referee says to it."""
    seen = len(player.messages)
    await player.call("post_message", channel_id=player.channel_id, body=text, cursor=player.cursor, wait_ms=10_000,
                      **({"data": data} if data else {}))
    return answers(player, seen)


async def whisper(player, text):
    """The same, by private message to the referee."""
    seen = len(player.messages)
    await player.call("dm_bot", channel_id=player.channel_id, bot_id=player.referee, message=text, cursor=player.cursor,
                      wait_ms=10_000)
    return answers(player, seen)


def answers(player, seen):
    return [message["body"] for message in player.messages[seen:] if message["sender"] == f"bot:{player.referee}"]


async def heard(player, kind, count=1):
    """Waits until the referee has said something of one type so many times; returns the last of them."""
    while len(player.said(kind)) < count:
        await player.sync()
    return player.said(kind)[-1]["body"]


def run(example, chosen):
    """Runs an example; what goes wrong is told in words."""
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(example(chosen))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    except Exception as error:
        for cause in leaves(error):
            if isinstance(cause, (Trouble, CheckFailed, ToolFailed)):
                sys.exit(f"\n{cause}")
        raise
