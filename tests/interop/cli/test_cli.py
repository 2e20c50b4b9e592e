"""Clients that people use list and call our tools: over stdio, over HTTP with a token, and over HTTP with OAuth.

In a login, each client discovers the authorization server, registers, opens the browser (`open_in_browser.py`) and gets its
tokens by itself.

Those that need a model get the scripted one of `model.py`, and must really call the tools that it asks for.
"""

import json
import os
import signal
import socket
import sys
import tempfile
import time
import unittest
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "python"))

import paths  # noqa: E402
from model import DONE, POST, Model  # noqa: E402
from personas import running_relay  # noqa: E402
from programs import Failed, Programs  # noqa: E402

STDIO_SERVER = str(paths.BIN_DIR.resolve() / "mcp-multiplayer")
TOOLS = ("health_check", "create_channel", "post_message", "sync_messages", "get_receipt")
CHANNEL = {"name": "Real", "slots": ["invite:alice", "invite:bob"], "join_as": "alice"}


def channels_of(relay, token):
    """Returns the texts of each channel of a token's owner."""
    def read(path):
        request = urllib.request.Request(relay.url + path, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    ids = [channel["channel_id"] for channel in read("/list_channels")["channels"]]
    pages = [read(f"/sync_messages?channel_id={id}&cursor=0&timeout_ms=0&include_own=true") for id in ids]
    return [[message["body"]["text"] for message in page["messages"] if "text" in (message["body"] or {})] for page in pages]


class ClientCase(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        stack = AsyncExitStack()
        self.addAsyncCleanup(stack.aclose)
        self.relay = await stack.enter_async_context(running_relay(settings={"MCP_MULTIPLAYER_ACCESS": "invite"}))
        access_code = await self.relay.administer("access-code", "create", "--name", "alice")
        self.model = stack.enter_context(Model())
        self.client = Programs(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcp-multiplayer-home-")), access_code)
        self.run_client = self.client.run
        self.url = self.relay.url + "/mcp"
        self.token = await self.relay.create_token("bob")
        self.bearer = f"Authorization: Bearer {self.token}"
        # The local relay of this test, for the stdio server.
        self.local = {"MCP_MULTIPLAYER_RELAY": self.relay.url, "DATA_DIR": self.relay.data_dir}

    def assert_played(self, output, token):
        """Asserts that a client followed the model's script: the post is in the log of the token's owner."""
        self.assertIn(DONE, output)
        self.assertEqual(channels_of(self.relay, token), [[POST]], output)


class ClaudeCodeTest(ClientCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        # Without it, Claude Code offers a search for tools instead of the tools.
        self.client.environment |= {
            "ANTHROPIC_BASE_URL": self.model.url, "ANTHROPIC_API_KEY": "sk-ant-none", "ENABLE_TOOL_SEARCH": "false"}

    async def add(self, *arguments):
        await self.run_client("claude", "mcp", "add", "--scope", "user", *arguments)

    async def play(self):
        self.assertIn("Connected", await self.run_client("claude", "mcp", "list"))
        return await self.run_client("claude", "-p", "Play.", "--allowedTools", "mcp__multiplayer")

    async def test_stdio(self):
        await self.add("multiplayer", *options("--env", self.local), "--", STDIO_SERVER)
        self.assert_played(await self.play(), self.relay.local_token)

    async def test_http_with_a_token(self):
        await self.add("--transport", "http", "multiplayer", self.url, "--header", self.bearer)
        self.assert_played(await self.play(), self.token)

    async def test_http_with_oauth(self):
        await self.add("--transport", "http", "multiplayer", self.url)
        self.assertIn("Needs authentication", await self.run_client("claude", "mcp", "list"))
        await self.run_client("claude", "mcp", "login", "multiplayer", terminal=True)
        self.assertIn(DONE, await self.play())

    async def test_one_line_of_configuration_starts_a_relay_of_its_own(self):
        data_dir = self.client.home / "data"
        # Another relay may have the usual port.
        self.client.environment |= {"DATA_DIR": str(data_dir), "MCP_MULTIPLAYER_LISTEN": "127.0.0.1:0"}
        await self.add("multiplayer", "--", STDIO_SERVER)
        output = await self.play()
        started = json.loads((data_dir / "relay.json").read_text())
        self.addCleanup(end, started["pid"])
        relay = SimpleNamespace(url=started["url"].replace("ws://", "http://").removesuffix("/ws"))
        # It outlives the client.
        self.assertEqual(channels_of(relay, (data_dir / "local-token").read_text().strip()), [[POST]], output)


class OpencodeTest(ClientCase):
    def configure(self, **server):
        models = {"scripted": {"npm": "@ai-sdk/openai-compatible", "name": "Scripted", "models": {"model": {"name": "Model"}},
                               "options": {"baseURL": self.model.url + "/v1", "apiKey": "none"}}}
        self.client.write("work/opencode.json", json.dumps({
            "mcp": {"multiplayer": server}, "provider": models, "model": "scripted/model", "small_model": "scripted/model"}))

    async def play(self):
        self.assertIn("connected", await self.run_client("opencode", "mcp", "list"))
        return await self.run_client("opencode", "run", "Play.")

    async def test_stdio(self):
        self.configure(type="local", command=[STDIO_SERVER], environment=self.local)
        self.assert_played(await self.play(), self.relay.local_token)

    async def test_http_with_a_token(self):
        self.configure(type="remote", url=self.url, headers={"Authorization": f"Bearer {self.token}"})
        self.assert_played(await self.play(), self.token)

    async def test_http_with_oauth(self):
        self.configure(type="remote", url=self.url)
        await self.run_client("opencode", "mcp", "auth", "multiplayer")
        self.assertIn(DONE, await self.play())


class CodexTest(ClientCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.client.environment["MULTIPLAYER_TOKEN"] = self.token

    async def add(self, *arguments):
        await self.run_client("codex", "mcp", "add", "multiplayer", *arguments)

    async def play(self):
        """Runs Codex with the scripted model, as the README describes it for scripts."""
        provider = {"name": "Scripted", "base_url": self.model.url + "/v1", "wire_api": "responses"}
        settings = {"mcp_servers.multiplayer.default_tools_approval_mode": "approve"}
        settings |= {"model": "model", "model_provider": "scripted"}
        settings |= {f"model_providers.scripted.{name}": value for name, value in provider.items()}
        configured = [argument for name, value in settings.items() for argument in ("-c", f"{name}={json.dumps(value)}")]
        return await self.run_client("codex", "exec", *configured, "--skip-git-repo-check", "Play.")

    async def test_stdio(self):
        await self.add(*options("--env", self.local), "--", STDIO_SERVER)
        self.assertIn("enabled", await self.run_client("codex", "mcp", "list"))
        self.assert_played(await self.play(), self.relay.local_token)

    async def test_http_with_a_token(self):
        await self.add("--url", self.url, "--bearer-token-env-var", "MULTIPLAYER_TOKEN")
        self.assert_played(await self.play(), self.token)

    async def test_http_with_oauth(self):
        await self.add("--url", self.url)
        self.assertIn("OAuth", await self.run_client("codex", "mcp", "list"))
        self.assertIn(DONE, await self.play())


class GeminiTest(ClientCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.client.environment |= {
            "GOOGLE_GEMINI_BASE_URL": self.model.url, "GEMINI_API_KEY": "none", "GEMINI_CLI_TRUST_WORKSPACE": "true"}
        self.client.write(".gemini/settings.json", json.dumps(
            {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}))

    async def add(self, *arguments):
        await self.run_client("gemini", "mcp", "add", "--scope", "user", *arguments)

    async def play(self):
        self.assertIn("Connected", await self.run_client("gemini", "mcp", "list"))
        return await self.run_client("gemini", "--approval-mode", "yolo", "--model", "gemini-2.5-flash", "--prompt", "Play.")

    async def test_stdio(self):
        await self.add("multiplayer", STDIO_SERVER, *options("--env", self.local))
        self.assert_played(await self.play(), self.relay.local_token)

    async def test_http_with_a_token(self):
        await self.add("--transport", "http", "multiplayer", self.url, "--header", self.bearer)
        self.assert_played(await self.play(), self.token)

    async def test_http_with_oauth(self):
        await self.add("--transport", "http", "multiplayer", self.url)
        self.assertNotIn("Connected", await self.run_client("gemini", "mcp", "list"))
        # It logs in only on its own screen, and opens a browser only where there is a display.
        self.client.environment["DISPLAY"] = ":0"
        keys = [
            ("Type your message", "/mcp"),
            # The commands have been loaded. What is entered before goes to the model.
            ("Manage configured Model Context Protocol (MCP) servers", " auth multiplayer"),
            ("> /mcp auth multiplayer", "\r"),
            ("Do you want to continue?", "\r"),
        ]
        await self.run_client("gemini", keys=keys, until="Successfully authenticated with MCP server 'multiplayer'")
        self.assertIn(DONE, await self.play())


class McporterTest(ClientCase):
    async def add(self, *arguments):
        # The option must come last.
        await self.run_client("mcporter", "config", "add", "multiplayer", *arguments, "--scope", "home")

    async def call(self, tool, **arguments):
        return json.loads(await self.run_client("mcporter", "call", f"multiplayer.{tool}", "--args", json.dumps(arguments)))

    async def play(self):
        listed = await self.run_client("mcporter", "list", "multiplayer")
        for tool in TOOLS:
            self.assertIn(tool, listed)
        self.assertEqual((await self.call("health_check"))["status"], "ok")
        created = await self.call("create_channel", **CHANNEL)
        await self.call("post_message", channel_id=created["channel_id"], body=POST)
        read = await self.call("sync_messages", channel_id=created["channel_id"], cursor=0, timeout_ms=0, include_own=True)
        self.assertEqual(read["messages"][-1]["text"], POST)

    async def test_stdio(self):
        await self.add("--command", STDIO_SERVER, *options("--env", self.local))
        await self.play()

    async def test_http_with_a_token(self):
        await self.add(self.url, "--header", f"Authorization=Bearer {self.token}")
        await self.play()

    async def test_http_with_oauth(self):
        await self.add(self.url)
        await self.run_client("mcporter", "auth", "multiplayer")
        await self.play()


class InspectorTest(ClientCase):
    async def request(self, server, *arguments, **run):
        return await self.run_client("mcp-inspector", "--cli", *server, "--method", *arguments, **run)

    async def play(self, server, *after):
        async def request(*arguments):
            return json.loads(await self.request(server, *arguments, "--quiet", *after))

        async def call(tool, **arguments):
            texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
            result = await request("tools/call", "--tool-name", tool, *options("--tool-arg", texts))
            return json.loads(result["content"][0]["text"])

        listed = [tool["name"] for tool in (await request("tools/list"))["tools"]]
        self.assertLessEqual(set(TOOLS), set(listed))
        self.assertEqual((await call("health_check"))["status"], "ok")
        created = await call("create_channel", **CHANNEL)
        await call("post_message", channel_id=created["channel_id"], body=POST)
        read = await call("sync_messages", channel_id=created["channel_id"], cursor=0, timeout_ms=0, include_own=True)
        self.assertEqual(read["messages"][-1]["text"], POST)

    async def test_stdio(self):
        await self.play([STDIO_SERVER, *options("-e", self.local)])

    async def test_http_with_a_token(self):
        for era in ("legacy", "modern"):
            with self.subTest(era=era):
                await self.play([self.url, "--transport", "http", "--protocol-era", era], "--header", self.bearer)

    async def test_http_with_oauth(self):
        server = [self.url, "--transport", "http"]
        with self.assertRaisesRegex(Failed, "auth_required"):
            await self.request(server, "tools/list", "--stored-auth-only")
        # It opens a browser only from a terminal. The port of its redirect URI is fixed unless another one is given.
        await self.request(server, "tools/list", "--callback-url", f"http://127.0.0.1:{free_port()}/oauth/callback", terminal=True)
        await self.play(server, "--stored-auth-only")


def options(flag, values):
    """Returns `flag NAME=VALUE` for each value."""
    return [argument for name, value in values.items() for argument in (flag, f"{name}={value}")]


def free_port():
    """Returns a port of the loopback interface that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def end(pid):
    """Ends a relay that the stdio server started, and waits until it has ended."""
    os.kill(pid, signal.SIGTERM)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
