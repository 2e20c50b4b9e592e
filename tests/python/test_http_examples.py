"""The scripts of examples/http, each in a process of its own, against a relay of the test's."""

import asyncio
import json
import os
import re
import stat
import sys
import tempfile
import unittest
from pathlib import Path

import paths
from personas import running_relay
from relay import environment

EXAMPLES = paths.ROOT / "examples/http"


class HttpExamplesTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="mcp-multiplayer-scripts-")))
        self.relay = await self.enterAsyncContext(running_relay())
        self.settings = {"MCP_BASE_URL": self.relay.url}

    async def run_script(self, name, *arguments, code=0, **settings):
        """Runs a script in a directory of its own; what it wrote."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLES / name), *arguments, cwd=self.directory, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment(**self.settings, **settings))
        out, err = await asyncio.wait_for(process.communicate(), 120)
        self.assertEqual(process.returncode, code, err.decode())
        self.assertNotIn("Traceback", err.decode())
        return (err if code else out).decode()

    async def tell(self, *arguments, **settings):
        """Creates, joins, comes back and lists, as two people do."""
        created = await self.run_script("create_channel.py", "My Game", **settings)
        channel_id = re.search(r"^channel (chn_\S+)", created, re.MULTILINE)[1]
        invite, link = re.search(r"^invite  (inv_\S+) (http\S+)", created, re.MULTILINE).groups()
        self.assertTrue(link.endswith(f"/join#{invite}"))
        joined = await self.run_script("join_channel.py", link, **settings)
        self.assertIn(channel_id, joined)
        rejoin = re.search(r"(rejoin_\S+)", joined)[1]
        self.assertIn("seat    s1", await self.run_script("join_channel.py", rejoin, **settings))
        listed = await self.run_script("list_channels.py", **settings)
        self.assertRegex(listed, rf"{channel_id}  My Game: \d+ entries, your seats: s1")

    async def test_with_a_token_of_the_operators(self):
        token = await self.relay.create_token("alice")
        await self.tell(MCP_TOKEN=token)
        self.assertEqual(os.listdir(self.directory), [])  # nothing is kept
        game = await self.run_script("play_guessing_game.py", MCP_TOKEN=token)
        self.assertEqual(game.count("✓"), 2)

    async def test_with_clients_that_register_themselves(self):
        await self.tell()
        file = self.directory / "mcp_tokens.json"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        kept = json.loads(file.read_text())[self.relay.url]
        self.assertEqual(list(kept), ["MCP Script Client"])
        game = await self.run_script("play_guessing_game.py")
        self.assertEqual(game.count("✓"), 2)
        after = json.loads(file.read_text())[self.relay.url]
        self.assertEqual(set(after), {"MCP Script Client", "MCP Script Client (alice)", "MCP Script Client (bob)"})
        self.assertEqual(after["MCP Script Client"], kept["MCP Script Client"])  # used again, not got again
        self.assertEqual(os.listdir(self.directory), [file.name])

    async def test_a_token_is_renewed(self):
        file = self.directory / "tokens.json"
        self.settings["MCP_TOKEN_FILE"] = str(file)
        await self.tell()
        first = json.loads(file.read_text())[self.relay.url]["MCP Script Client"]
        for spoilt in ({"access_token": "mma_nonsense"}, {"expires_at": 0}, {"expires_at": 0, "client_id": "nobody"}):
            file.write_text(json.dumps({self.relay.url: {"MCP Script Client": first | spoilt}}))
            listed = await self.run_script("list_channels.py")
            now = json.loads(file.read_text())[self.relay.url]["MCP Script Client"]
            self.assertNotEqual(now["access_token"], first["access_token"])
            # The same client is the same principal; one that the relay does not know is registered anew.
            same = "client_id" not in spoilt
            self.assertEqual(now["client_id"] == first["client_id"], same)
            self.assertEqual("My Game" in listed, same)

    async def test_settings_may_stand_in_a_file(self):
        token = await self.relay.create_token("alice")
        (self.directory / ".env.scripts").write_text(
            "# For local development\n"
            f"MCP_BASE_URL={self.relay.url}/   # with a slash\n"
            "# MCP_BASE_URL=https://relay.example.org\n"
            f"MCP_TOKEN='{token}'\n"
            "MCP_VERIFY_SSL=false\n")
        self.settings = {}
        self.assertIn('"status": "ok"', await self.run_script("connect.py"))

    async def test_what_goes_wrong_is_told_in_words(self):
        self.assertIn("UNAUTHENTICATED", await self.run_script("connect.py", code=1, MCP_TOKEN="mm_nonsense"))
        token = await self.relay.create_token("alice")
        said = await self.run_script("join_channel.py", "inv_nonsense", code=1, MCP_TOKEN=token)
        self.assertIn("INVITE_INVALID", said)
        self.settings = {"MCP_BASE_URL": "http://127.0.0.1:9"}
        self.assertIn("cannot be reached", await self.run_script("connect.py", code=1, MCP_TOKEN=token))


if __name__ == "__main__":
    unittest.main()
