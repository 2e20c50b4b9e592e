"""Who takes part in the tests: a relay of the test's own, alice at home on its machine, others with tokens."""

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
INITIALIZE = ("2025-06-18", "2025-11-25")


@asynccontextmanager
async def running_relay(reaching=None, settings=None):
    """A relay of the test's own; its bots may reach an address of this machine, if the test names it."""
    # unittest turns the loop's debugging on, which would remark on every slow step of a busy machine.
    asyncio.get_running_loop().slow_callback_duration = GAME_SECONDS
    with tempfile.TemporaryDirectory(prefix="mcp-multiplayer-test-") as data_dir:
        allowed = {"MCP_MULTIPLAYER_BOT_NETWORK_ALLOW": reaching} if reaching else {}
        async with Relay(paths.BIN_DIR, data_dir, allowed | (settings or {})) as relay:
            yield relay


@asynccontextmanager
async def speaking(era):
    """The SDK's `mode` for a protocol version; of those with `initialize` it offers only the newest by itself."""
    if era in INITIALIZE:
        with mock.patch("mcp.client.session.LATEST_HANDSHAKE_VERSION", era):
            yield "legacy"
    else:
        yield era


@asynccontextmanager
async def local(relay, name="alice", era="2025-11-25", watch=None):
    """A player whose client launches the stdio server, which finds the local token by itself."""
    environment = {"MCP_MULTIPLAYER_RELAY": relay.url, "DATA_DIR": relay.data_dir}
    log = Path(relay.data_dir) / f"{name}.log"
    async with speaking(era) as mode:
        server = program(paths.BIN_DIR, "mcp-multiplayer")
        async with over_stdio(name, server, env=environment, log=log, mode=mode, watch=watch) as player:
            yield player


@asynccontextmanager
async def remote(relay, name="bob", era="2026-07-28", path="/mcp", token=None):
    """A player over HTTP, with a token of their own unless one is given."""
    token = token or await relay.create_token(name)
    async with speaking(era) as mode:
        async with over_http(name, relay.url + path, token, mode=mode) as player:
            yield player


async def seat(host, guest, **more):
    """Two players in a channel with GuessBot, whose game starts as the guest sits down."""
    created = await host.call("create_channel", name="A game", bot_preset="GuessBot", join_as=host.name,
                              slots=["bot:referee", f"invite:{host.name}", f"invite:{guest.name}"], **more)
    await guest.call("join_channel", invite_code=created["invites"][0])
    return created


async def play_to_the_end(*players):
    """Each player on their own, all at the same time."""
    async with asyncio.timeout(GAME_SECONDS):
        await asyncio.gather(*(player.play(Search(reads_hints=False).choose) for player in players))
        for player in players:
            await player.sync(timeout_ms=0)
