"""Clients in Node that others wrote get in through OAuth, stay in, and come back: the TypeScript SDK, and `mcp-remote`."""

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

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

from browser import Browser  # noqa: E402
from personas import running_relay  # noqa: E402
from player import connected  # noqa: E402
from relay import environment  # noqa: E402
from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: E402

HERE = Path(__file__).resolve().parent
MODULES = ROOT / "target" / "node-clients" / "node_modules"
NODE = os.environ["NODE"]
PATIENCE = 60
SHORT = {"MCP_MULTIPLAYER_ACCESS_TOKEN_SECONDS": "2"}


class TypeScriptApp:
    """`app.mjs`, told line by line what to do."""

    def __init__(self, process, browser):
        self.process, self.browser = process, browser
        self.logins = 0

    async def heard(self):
        while True:
            line = (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode().strip()
            if not line:
                raise AssertionError((await self.process.stderr.read()).decode())
            word, rest = line.split(" ", 1)
            if word == "result":
                return json.loads(rest)
            self.logins += 1
            await self.say(await asyncio.to_thread(self.browser.allow, rest))

    async def say(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def call(self, tool, **arguments):
        await self.say(f"{tool} {json.dumps(arguments)}")
        return await self.heard()


@asynccontextmanager
async def typescript_app(url, kept, browser):
    # Beside its packages, or Node would not find them.
    app = MODULES.parent / "app.mjs"
    app.write_text((HERE / "app.mjs").read_text())
    process = await asyncio.create_subprocess_exec(
        NODE, str(app), url, kept, env=environment(), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        app = TypeScriptApp(process, browser)
        assert (await app.heard())["connected"] == "mcp-multiplayer"
        yield app
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE)


@asynccontextmanager
async def mcp_remote(url, home, browser):
    """A player behind `mcp-remote`, as the original's users had it in Claude Desktop."""
    log = Path(home) / "mcp-remote.log"
    log.touch()
    at = log.stat().st_size
    server = StdioServerParameters(
        command=NODE, args=[str(MODULES / "mcp-remote" / "dist" / "proxy.js"), url],
        # No browser of this machine's: the address it would open is in its log, too.
        env=environment(MCP_REMOTE_CONFIG_DIR=str(home), BROWSER="true", PATH=str(Path(NODE).parent)))

    async def log_in():
        while not (found := re.search(r"(http\S*/oauth/authorize\?\S+)", log.read_text()[at:])):
            await asyncio.sleep(0.05)
        arrived = await asyncio.to_thread(browser.allow, found[1])
        await asyncio.to_thread(lambda: urllib.request.urlopen(arrived).read())

    watching = asyncio.create_task(log_in())
    try:
        with open(log, "a") as errors:
            async with connected("alice", stdio_client(server, errlog=errors), "legacy", None) as player:
                yield player
    finally:
        watching.cancel()


class NodeClientsTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)

    async def test_the_typescript_sdk(self):
        async with running_relay(settings=SHORT) as relay:
            kept, browser = str(self.home / "kept.json"), Browser()
            async with typescript_app(relay.url + "/mcp", kept, browser) as app, asyncio.timeout(PATIENCE):
                first = (await app.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="bob"))
                while (await app.call("health_check"))["token"] == first["token"]:
                    pass
                self.assertEqual(app.logins, 1)
            await relay.stop()
            await relay.start()
            async with typescript_app(relay.url + "/mcp", kept, browser) as app:
                channels = (await app.call("list_channels"))["reply"]["channels"]
                self.assertEqual(channels[0]["channel_id"], first["reply"]["channel_id"])
                self.assertEqual(app.logins, 0)

    async def test_mcp_remote(self):
        async with running_relay(settings=SHORT) as relay:
            browser = Browser()
            async with mcp_remote(relay.url + "/mcp", self.home, browser) as player, asyncio.timeout(PATIENCE):
                created = await player.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="alice")
                # Long enough for its first token to end.
                for _ in range(3):
                    await player.call("sync_messages", channel_id=created["channel_id"], cursor=created["cursor"], timeout_ms=1_500)
            self.assertEqual(browser.clicks, 1)
            await relay.stop()
            await relay.start()
            async with mcp_remote(relay.url + "/mcp", self.home, browser) as player:
                channels = (await player.call("list_channels"))["channels"]
                self.assertEqual(channels[0]["channel_id"], created["channel_id"])
            self.assertEqual(browser.clicks, 1)


if __name__ == "__main__":
    unittest.main()
