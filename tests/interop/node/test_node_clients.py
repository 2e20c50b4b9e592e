"""OAuth clients for Node, the TypeScript SDK and `mcp-remote`, log in at a relay, renew their tokens and reconnect."""

import asyncio
import json
import os
import re
import sys
import tempfile
import unittest
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "python"))

from browser import Browser  # noqa: E402
from personas import running_relay  # noqa: E402
from player import connected  # noqa: E402
from relay import environment  # noqa: E402
from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: E402

HERE = Path(__file__).resolve().parent
MODULES = ROOT / "target" / "interop" / "node" / "node_modules"
NODE = os.environ["NODE"]
TIMEOUT_SECONDS = 60
SHORT_LIVED_TOKENS = {"MCP_MULTIPLAYER_ACCESS_TOKEN_SECONDS": "2"}


class TypeScriptApp:
    """A running `app.mjs`, controlled line by line."""

    def __init__(self, process, browser):
        self.process, self.browser = process, browser
        self.logins = 0

    async def read_result(self):
        while True:
            line = (await asyncio.wait_for(self.process.stdout.readline(), TIMEOUT_SECONDS)).decode().strip()
            if not line:
                raise AssertionError((await self.process.stderr.read()).decode())
            word, rest = line.split(" ", 1)
            if word == "result":
                return json.loads(rest)
            self.logins += 1
            await self.send(await asyncio.to_thread(self.browser.allow, rest))

    async def send(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def call(self, tool, **arguments):
        await self.send(f"{tool} {json.dumps(arguments)}")
        return await self.read_result()


@asynccontextmanager
async def typescript_app(url, state_file, browser):
    # Node looks for packages beside the importing file.
    app = MODULES.parent / "app.mjs"
    app.write_text((HERE / "app.mjs").read_text())
    process = await asyncio.create_subprocess_exec(
        NODE, str(app), url, state_file, env=environment(), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        app = TypeScriptApp(process, browser)
        assert (await app.read_result())["connected"] == "mcp-multiplayer"
        yield app
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), TIMEOUT_SECONDS)


@asynccontextmanager
async def mcp_remote(url, home, browser):
    """A player whose client launches `mcp-remote`, as users of the original system did from Claude Desktop."""
    log = Path(home) / "mcp-remote.log"
    log.touch()
    offset = log.stat().st_size
    server = StdioServerParameters(
        command=NODE, args=[str(MODULES / "mcp-remote" / "dist" / "proxy.js"), url],
        # Opens no browser: the URL that it would open is in its log as well.
        env=environment(MCP_REMOTE_CONFIG_DIR=str(home), BROWSER="true", PATH=str(Path(NODE).parent)))

    async def log_in():
        while not (found := re.search(r"(http\S*/oauth/authorize\?\S+)", log.read_text()[offset:])):
            await asyncio.sleep(0.05)
        callback = await asyncio.to_thread(browser.allow, found[1])
        await asyncio.to_thread(lambda: urllib.request.urlopen(callback).read())

    login = asyncio.create_task(log_in())
    try:
        with open(log, "a") as errors:
            async with connected("alice", stdio_client(server, errlog=errors), "legacy", None) as player:
                yield player
    finally:
        login.cancel()


@asynccontextmanager
async def mcp_remote_with_token(url, home, token):
    """A player whose client launches `mcp-remote` with a token, which is not among its arguments."""
    server = StdioServerParameters(
        command=NODE, args=[str(MODULES / "mcp-remote" / "dist" / "proxy.js"), url, "--header", "Authorization:${AUTH}"],
        env=environment(AUTH=f"Bearer {token}", MCP_REMOTE_CONFIG_DIR=str(home), PATH=str(Path(NODE).parent)))
    with open(Path(home) / "mcp-remote.log", "a") as errors:
        async with connected("alice", stdio_client(server, errlog=errors), "legacy", None) as player:
            yield player


class NodeClientsTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)

    async def test_typescript_sdk_logs_in_once_and_reconnects_after_a_restart(self):
        async with running_relay(settings=SHORT_LIVED_TOKENS) as relay:
            state_file, browser = str(self.home / "state.json"), Browser()
            async with typescript_app(relay.url + "/mcp", state_file, browser) as app, asyncio.timeout(TIMEOUT_SECONDS):
                first = (await app.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="bob"))
                while (await app.call("health_check"))["token"] == first["token"]:
                    pass
                self.assertEqual(app.logins, 1)
            await relay.stop()
            await relay.start()
            async with typescript_app(relay.url + "/mcp", state_file, browser) as app:
                channels = (await app.call("list_channels"))["reply"]["channels"]
                self.assertEqual(channels[0]["channel_id"], first["reply"]["channel_id"])
                self.assertEqual(app.logins, 0)

    async def test_mcp_remote_logs_in_once_and_reconnects_after_a_restart(self):
        async with running_relay(settings=SHORT_LIVED_TOKENS) as relay:
            browser = Browser()
            async with mcp_remote(relay.url + "/mcp", self.home, browser) as player, asyncio.timeout(TIMEOUT_SECONDS):
                created = await player.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="alice")
                # Takes long enough for the first token to expire.
                for _ in range(3):
                    await player.call("sync_messages", channel_id=created["channel_id"], cursor=created["cursor"], timeout_ms=1_500)
            self.assertEqual(browser.clicks, 1)
            await relay.stop()
            await relay.start()
            async with mcp_remote(relay.url + "/mcp", self.home, browser) as player:
                channels = (await player.call("list_channels"))["channels"]
                self.assertEqual(channels[0]["channel_id"], created["channel_id"])
            self.assertEqual(browser.clicks, 1)

    async def test_mcp_remote_plays_with_a_token(self):
        async with running_relay() as relay, asyncio.timeout(TIMEOUT_SECONDS):
            token = await relay.create_token("alice")
            async with mcp_remote_with_token(relay.url + "/mcp", self.home, token) as player:
                self.assertEqual((await player.call("health_check"))["status"], "ok")
                await player.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="alice")
                await player.post("hello", wait_ms=0)
                await player.sync(timeout_ms=0)
                self.assertEqual(player.messages[-1]["body"], {"text": "hello"})


if __name__ == "__main__":
    unittest.main()
