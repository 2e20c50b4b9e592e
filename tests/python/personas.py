"""The parties of a test: a relay, alice as the local user of its machine, and others who have tokens."""

import asyncio
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

import paths
from player import over_http, over_stdio
from relay import Relay, program
from search import Search

GAME_SECONDS = 60
REVISIONS_WITH_INITIALIZE = ("2025-06-18", "2025-11-25")


@asynccontextmanager
async def running_relay(reaching=None, settings=None):
    """Runs a relay for one test. `reaching` is an address of this machine that its bots may connect to."""
    # unittest enables the debug mode of the event loop, which would log every slow step on a busy machine.
    asyncio.get_running_loop().slow_callback_duration = GAME_SECONDS
    with tempfile.TemporaryDirectory(prefix="mcp-multiplayer-test-") as data_dir:
        allowed = {"MCP_MULTIPLAYER_BOT_NETWORK_ALLOW": reaching} if reaching else {}
        async with Relay(paths.BIN_DIR, data_dir, allowed | (settings or {})) as relay:
            yield relay


@asynccontextmanager
async def protocol_mode(revision):
    """Yields the SDK's `mode` for a protocol revision.

    Of the revisions that have `initialize`, the SDK offers only the newest, so an older one is patched in.
    """
    if revision in REVISIONS_WITH_INITIALIZE:
        with mock.patch("mcp.client.session.LATEST_HANDSHAKE_VERSION", revision):
            yield "legacy"
    else:
        yield revision


@asynccontextmanager
async def local(relay, name="alice", revision="2025-11-25", observer=None):
    """Connects a player whose client launches the stdio server, which reads the local token from its file."""
    environment = {"MCP_MULTIPLAYER_RELAY": relay.url, "DATA_DIR": relay.data_dir}
    log = Path(relay.data_dir) / f"{name}.log"
    async with protocol_mode(revision) as mode:
        server = program(paths.BIN_DIR, "mcp-multiplayer")
        async with over_stdio(name, server, env=environment, log=log, mode=mode, observer=observer) as player:
            yield player


@asynccontextmanager
async def remote(relay, name="bob", revision="2026-07-28", path="/mcp", token=None):
    """Connects a player over HTTP; creates a token for it unless one is given."""
    token = token or await relay.create_token(name)
    async with protocol_mode(revision) as mode:
        async with over_http(name, relay.url + path, token, mode=mode) as player:
            yield player


async def start_guessing_game(host, guest, **more):
    """Creates a channel with GuessBot and seats two players; the game starts when the guest joins."""
    created = await host.call("create_channel", name="A game", bot_preset="GuessBot", join_as=host.name,
                              slots=["bot:referee", f"invite:{host.name}", f"invite:{guest.name}"], **more)
    await guest.call("join_channel", invite_code=created["invites"][0])
    return created


async def play_to_the_end(*players):
    """Plays GuessBot to the end, with all players at the same time."""
    async with asyncio.timeout(GAME_SECONDS):
        await asyncio.gather(*(player.play(Search(reads_hints=False).choose) for player in players))
        for player in players:
            await player.sync(timeout_ms=0)
