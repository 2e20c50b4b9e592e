"""Sessions of the SDKs that apps are built with: the official one for Python, fastmcp, and both versions of the TypeScript SDK.

OAuth with the TypeScript SDK is tested in tests/interop/node.
"""

import asyncio
import json
import os
import sys
import unittest
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "python"))

import paths  # noqa: E402
from browser import Browser  # noqa: E402
from fastmcp import Client  # noqa: E402
from fastmcp.client.auth import OAuth  # noqa: E402
from fastmcp.client.transports import StdioTransport  # noqa: E402
from personas import local, remote, running_relay  # noqa: E402
from relay import environment  # noqa: E402
from test_oauth_clients import App  # noqa: E402

NODE = os.environ["NODE"]
HOME = paths.ROOT / "target" / "interop" / "sdk"
STDIO_SERVER = str(paths.BIN_DIR.resolve() / "mcp-multiplayer")
TIMEOUT_SECONDS = 60
TOOLS = {"health_check", "create_channel", "post_message", "sync_messages", "get_receipt"}
POST = "a post through an SDK"


async def play(test, tools, call):
    """Plays what every session must be able to: `call` calls a tool, and returns its result."""
    test.assertLessEqual(TOOLS, set(tools))
    test.assertEqual((await call("health_check"))["status"], "ok")
    created = await call("create_channel", name="Real", slots=["invite:alice", "invite:bob"], join_as="alice")
    await call("post_message", channel_id=created["channel_id"], body=POST)
    read = await call("sync_messages", channel_id=created["channel_id"], cursor=0, timeout_ms=0, include_own=True)
    test.assertEqual(read["messages"][-1]["text"], POST)


def variables_for(relay):
    """Returns the variables with which the stdio server finds a relay and its local token."""
    return {"MCP_MULTIPLAYER_RELAY": relay.url, "DATA_DIR": relay.data_dir}


class PythonTest(unittest.IsolatedAsyncioTestCase):
    REVISIONS = ("2025-06-18", "2025-11-25", "2026-07-28")

    async def play(self, player):
        tools = (await player.client.list_tools()).tools
        await play(self, [tool.name for tool in tools], player.call)

    async def test_stdio(self):
        for revision in self.REVISIONS:
            with self.subTest(revision=revision):
                async with running_relay() as relay, local(relay, revision=revision) as player:
                    await self.play(player)

    async def test_http_with_a_token(self):
        for revision in self.REVISIONS:
            with self.subTest(revision=revision):
                async with running_relay() as relay, remote(relay, revision=revision) as player:
                    await self.play(player)

    async def test_http_with_oauth(self):
        async with running_relay() as relay, App("alice", relay.url + "/mcp").session() as player:
            await self.play(player)


class BrowserOAuth(OAuth):
    """fastmcp's OAuth client, whose browser presses the button by itself."""

    async def redirect_handler(self, authorization_url):
        callback = await asyncio.to_thread(Browser().allow, authorization_url)
        self.follow = asyncio.create_task(self.visit(callback))

    async def visit(self, callback):
        """Visits the callback, as soon as fastmcp listens for it."""
        host, _, port = callback.split("/")[2].partition(":")
        while True:
            try:
                reader, writer = await asyncio.open_connection(host, int(port))
                break
            except ConnectionError:
                await asyncio.sleep(0.02)
        writer.write(f"GET /{callback.split('/', 3)[3]} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        await reader.read()
        writer.close()


class FastmcpTest(unittest.IsolatedAsyncioTestCase):
    async def play(self, client):
        async def call(tool, **arguments):
            return json.loads((await client.call_tool(tool, arguments)).content[0].text)

        async with asyncio.timeout(TIMEOUT_SECONDS), client:
            await play(self, [tool.name for tool in await client.list_tools()], call)

    async def test_stdio(self):
        async with running_relay() as relay:
            await self.play(Client(StdioTransport(STDIO_SERVER, [], env=variables_for(relay), keep_alive=False)))

    async def test_http_with_a_token(self):
        async with running_relay() as relay:
            await self.play(Client(relay.url + "/mcp", auth=await relay.create_token("bob")))

    async def test_http_with_oauth(self):
        async with running_relay() as relay:
            await self.play(Client(relay.url + "/mcp", auth=BrowserOAuth()))


@asynccontextmanager
async def typescript(version, mode, *target, **variables):
    """Runs `client.mjs`; yields the names of the tools, and a function that calls one."""
    # Node looks for packages beside the importing file.
    program = HOME / "client.mjs"
    program.write_text((HERE / "client.mjs").read_text())
    process = await asyncio.create_subprocess_exec(
        NODE, str(program), version, mode, *target, env=environment(**variables), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)

    async def read():
        line = await asyncio.wait_for(process.stdout.readline(), TIMEOUT_SECONDS)
        if not line:
            raise AssertionError((await process.stderr.read()).decode())
        return json.loads(line)

    async def call(tool, **arguments):
        process.stdin.write(f"{tool} {json.dumps(arguments)}\n".encode())
        return await read()

    try:
        yield await read(), call
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), TIMEOUT_SECONDS)
        except TimeoutError:
            process.kill()
            raise


class TypeScriptTest(unittest.IsolatedAsyncioTestCase):
    # Version 1 knows only the revisions with `initialize`.
    SESSIONS = (("1", "legacy"), ("2", "legacy"), ("2", "auto"))

    async def test_stdio(self):
        for version, mode in self.SESSIONS:
            with self.subTest(version=version, mode=mode):
                async with running_relay() as relay:
                    session = typescript(version, mode, "stdio", STDIO_SERVER, **variables_for(relay))
                    async with session as (tools, call):
                        await play(self, tools, call)

    async def test_http_with_a_token(self):
        for version, mode in self.SESSIONS:
            with self.subTest(version=version, mode=mode):
                async with running_relay() as relay:
                    token = await relay.create_token("bob")
                    async with typescript(version, mode, "http", relay.url + "/mcp", TOKEN=token) as (tools, call):
                        await play(self, tools, call)


if __name__ == "__main__":
    unittest.main()
