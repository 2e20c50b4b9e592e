"""Runs an example: connects its players over HTTP, to a relay that it starts or to one that is running already.

    .venv-clients/bin/python examples/blackjack/play.py
    .venv-clients/bin/python examples/blackjack/play.py --relay http://127.0.0.1:8100 --token ALICE --token BOB

`examples/demo/setup.sh` makes .venv-clients; `mcp-multiplayer-relay token create --name alice` creates a token.
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
from demo import leaf_exceptions, newest_build  # noqa: E402
from player import ToolFailed, over_http  # noqa: E402
from relay import CommandError, Relay, environment, program  # noqa: E402
from screen import Screen  # noqa: E402


def parse_options(description, *more):
    """Parses the command line; `more` are further options of the example, as (name, help)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bin-dir", type=Path, default=newest_build(), help="directory of the built programs")
    parser.add_argument("--slow", action="store_true", help="pause after each message")
    parser.add_argument("--relay", help="use this running relay, such as http://127.0.0.1:8100, instead of starting one")
    parser.add_argument("--token", action="append", default=[], help="with --relay: one token for each player, in order")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="keep the receipts here")
    for name, help_text in more:
        parser.add_argument(name, help=help_text)
    return parser.parse_args()


@asynccontextmanager
async def players(options, *names, allow=()):
    """Yields a screen and a player for each name; `allow` lists addresses of this machine that bots may connect to."""
    screen = Screen(fast=not options.slow)
    async with AsyncExitStack() as stack:
        if options.relay:
            if len(options.token) != len(names):
                raise CommandError(f"--relay needs one --token for each player: {', '.join(names)}.")
            url, tokens = options.relay, options.token
        else:
            data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="mcp-multiplayer-example-"))
            settings = {"MCP_MULTIPLAYER_BOT_NETWORK_ALLOW": ",".join(allow)} if allow else {}
            relay = await stack.enter_async_context(Relay(options.bin_dir, data_dir, settings))
            url, tokens = relay.url, [await relay.create_token(name) for name in names]
        connected = [await stack.enter_async_context(over_http(name, f"{url}/mcp", token, observer=screen))
                  for name, token in zip(names, tokens)]
        yield screen, *connected
        if not options.relay:
            await replay_channels(options, relay, screen, connected[0])


async def replay_channels(options, relay, screen, host):
    """Writes the receipt of each channel, as the relay's operator can, and verifies it: also by running the referee again."""
    screen.title("The receipt is verified: the log, its signature, and the referee, which runs again")
    for channel in (await host.call("list_channels"))["channels"]:
        file = (options.keep or Path(relay.data_dir)) / f"{channel['name']}-{channel['channel_id']}.jsonl"
        await run_program(program(options.bin_dir, "mcp-multiplayer-relay"), "receipt", channel["channel_id"], "--out", str(file),
                          "--data-dir", relay.data_dir)
        code, text = await run_program(program(options.bin_dir, "mcp-multiplayer-bot"), "replay", "--fresh", str(file), accepted=(0, 3))
        for line in text.splitlines():
            screen.show("replay", line, screen.tick() if code == 0 else " ")


async def run_program(*command, accepted=(0,)):
    """Runs a program to its end; returns its exit code and output."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                                                   stderr=asyncio.subprocess.STDOUT, env=environment())
    text = (await process.communicate())[0].decode(errors="replace").strip()
    if process.returncode not in accepted:
        raise CommandError(f"{Path(command[0]).name} {command[1]} failed with code {process.returncode}:\n{text}")
    return process.returncode, text


async def create_and_join(host, *guests, preset, params=None, env=None, manifest=None):
    """Creates a channel with a preset as its referee, and seats all players.

    Each player contributes entropy, so that the referee's draws depend on all of them.
    """
    bot = {"name": preset, "code_ref": f"builtin://{preset}", "params": params or {}}
    bot |= {name: value for name, value in (("env", env), ("manifest", manifest)) if value}
    created = await host.call("create_channel", name=preset, bots=[bot],
                              slots=["bot:referee", *[f"invite:{each.name}" for each in (host, *guests)]])
    if created.get("bot_errors"):
        raise CommandError("The referee could not be attached: " + created["bot_errors"][0])
    for player, invite in zip((host, *guests), created["invites"]):
        await player.call("join_channel", invite_code=invite, entropy=secrets.token_hex(32))
    for player in (host, *guests):
        await player.sync(timeout_ms=0)


async def post(player, text, **data):
    """Posts text, with `data` for programs; returns the referee's reactions."""
    seen = len(player.messages)
    await player.call("post_message", channel_id=player.channel_id, body=text, cursor=player.cursor, wait_ms=10_000,
                      include_own=True, **({"data": data} if data else {}))
    return referee_bodies(player, seen)


async def dm(player, text):
    """Sends a private message to the referee; returns its reactions."""
    seen = len(player.messages)
    await player.call("dm_bot", channel_id=player.channel_id, bot_id=player.referee, message=text, cursor=player.cursor,
                      wait_ms=10_000, include_own=True)
    return referee_bodies(player, seen)


def referee_bodies(player, start):
    return [message["body"] for message in player.messages[start:] if message["sender"] == f"bot:{player.referee}"]


async def wait_for_post(player, kind, count=1):
    """Waits until the referee has posted `count` messages of one type; returns the body of the last one."""
    while len(player.referee_posts(kind)) < count:
        await player.sync()
    return player.referee_posts(kind)[-1]["body"]


def run(example, options):
    """Runs an example; shows known failures without a traceback."""
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(example(options))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    except Exception as error:
        for cause in leaf_exceptions(error):
            if isinstance(cause, (CommandError, CheckFailed, ToolFailed)):
                sys.exit(f"\n{cause}")
        raise
