"""A board in a chat: a host of MCP Apps, built on `@modelcontextprotocol/ext-apps`, shows the page of `show_board` in a browser."""

import asyncio
import json
import os
import sys
import tempfile
import unittest
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "python"))

import paths  # noqa: E402
from personas import local, remote, running_relay  # noqa: E402
from relay import environment, program  # noqa: E402

HERE = Path(__file__).resolve().parent
MODULES = ROOT / "target" / "interop" / "apps"
NODE, CHROMIUM = os.environ["NODE"], os.environ["CHROMIUM"]
STEP_SECONDS, TEST_SECONDS = 90, 240
# Pictures of the page, for people to look at.
PICTURES = ROOT / "target" / "interop" / "apps-pictures"


class Chat:
    """A running `host.mjs`, controlled line by line."""

    def __init__(self, process):
        self.process = process

    async def read(self):
        line = await asyncio.wait_for(self.process.stdout.readline(), STEP_SECONDS)
        if not line:
            raise AssertionError((await self.process.stderr.read()).decode())
        return json.loads(line)

    async def do(self, step, **arguments):
        self.process.stdin.write(json.dumps({"do": step, **arguments}).encode() + b"\n")
        await self.process.stdin.drain()
        answer = await self.read()
        if "error" in answer:
            raise AssertionError(f"{step} {arguments}: {answer}")
        return answer["result"]


@asynccontextmanager
async def chat(*target, **variables):
    """Runs a chat whose client is connected to a server; yields it and the names of its tools."""
    for name in ("host.mjs", "host_page.mjs"):
        # Node looks for packages beside the importing file.
        (MODULES / name).write_text((HERE / name).read_text())
    process = await asyncio.create_subprocess_exec(
        NODE, str(MODULES / "host.mjs"), *target, env=environment(CHROMIUM=CHROMIUM, **variables), limit=1 << 20,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        running = Chat(process)
        yield running, await running.read()
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), STEP_SECONDS)


# Asks the first player for a sealed bid, as data.
BIDS = """
class Bids:
    def on_ready(self):
        offer = {"type": "object", "required": ["bid"],
                 "properties": {"bid": {"type": "integer", "minimum": 1, "maximum": 90}, "currency": {"enum": ["EUR", "USD"]}}}
        table = {"kind": "table", "columns": ["lot", "highest bid"], "rows": [["a lamp", "none"], ["a chair", "12 EUR"]]}
        self.ctx.post("bot", {"turn": ["s1"], "turn_id": 1, "private": True, "actions": offer, "board": table, "text": "Bids, please."})
    def on_private_message(self, slot_id, msg):
        self.ctx.post("bot", {"text": f"{slot_id} bids {msg['bid']} {msg['currency']} in turn {msg['turn_id']}."})
"""


async def start_game(host, guest, preset, **params):
    return await start(host, guest, bot_preset=preset, bot_params=params)


async def start(host, guest, **bot):
    for player in (host, guest):
        player.cursor, player.messages = 0, []
    created = await host.call("create_channel", name="A game", join_as=host.name,
                              slots=["bot:referee", f"invite:{host.name}", f"invite:{guest.name}"], **bot)
    await guest.call("join_channel", invite_code=created["invites"][0])
    return created["channel_id"]


async def until_said(player, text):
    """Waits until a message contains a text."""
    while not any(text in message["body"].get("text", "") for message in player.messages):
        await player.sync()


class AppsTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        PICTURES.mkdir(parents=True, exist_ok=True)

    async def assert_well_behaved(self, app):
        state = await app.do("state")
        self.assertEqual(state["errors"], [])
        self.assertEqual(state["loaded"], [], "the page loads nothing")
        self.assertFalse(state["scrolls"], state)
        self.assertLessEqual(max(state["heights"]), 500)
        self.assertGreater(state["image"], 0, "the drawing is shown")
        return state

    async def test_a_click_over_http_is_a_move(self):
        async with running_relay() as relay, asyncio.timeout(TEST_SECONDS):
            token = await relay.create_token("alice")
            async with remote(relay, "alice", token=token) as alice, remote(relay, "bob") as bob:
                channel_id = await start_game(alice, bob, "TicTacToeBot")
                await until_said(bob, "your move")
                async with chat("http", relay.url + "/mcp", TOKEN=token) as (app, tools):
                    self.assertIn("show_board", tools)
                    for theme in ("light", "dark"):
                        await app.do("show", args={"channel_id": channel_id}, theme=theme, width=320)
                        await app.do("wait", selector="#status", text="Your turn.")
                        await self.assert_well_behaved(app)
                        await app.do("screenshot", path=str(PICTURES / f"tic-tac-toe-{theme}.png"))
                    # The cell at the bottom right.
                    await app.do("tap", x=16 + 2.5 * 96, y=16 + 2.5 * 96)
                    await app.do("wait", selector="#status", text="bob to move.")
                    await until_said(bob, "c3")
                    told = (await app.do("state"))["modelContext"]["content"][0]["text"]
                    self.assertIn('"c3" as s1', told)
                    # The page asks again by itself.
                    await bob.post("a1", wait_ms=0)
                    await app.do("wait", selector="#status", text="Your turn.")
                    self.assertIn("bob", await app.do("text", selector="#players"))
                    await self.assert_well_behaved(app)

    async def test_two_clicks_or_keys_over_stdio_are_a_move(self):
        async with running_relay() as relay, asyncio.timeout(TEST_SECONDS):
            with tempfile.TemporaryDirectory() as data_dir:
                async with local(relay, "alice") as alice, remote(relay, "bob") as bob:
                    channel_id = await start_game(alice, bob, "ChessBot", base_seconds=600)
                    await until_said(bob, "your move")
                    server = str(program(paths.BIN_DIR, "mcp-multiplayer"))
                    variables = {"MCP_MULTIPLAYER_RELAY": relay.url, "MCP_MULTIPLAYER_TOKEN": relay.local_token, "DATA_DIR": data_dir}
                    async with chat("stdio", server, **variables) as (app, tools):
                        self.assertEqual(tools[-1], "show_board")
                        await app.do("show", args={"channel_id": channel_id}, theme="dark", width=320)
                        # Where the drawing has the pawn on e2.
                        await app.do("tap", x=16 + 4.5 * 36, y=16 + 6.5 * 36)
                        await app.do("wait", selector="#status", text="e2: where to?")
                        await app.do("screenshot", path=str(PICTURES / "chess-dark.png"))
                        await self.assert_well_behaved(app)
                        await app.do("click", selector="[data-cell=e4]")
                        await app.do("wait", selector="#status", text="bob to move.")
                        await until_said(bob, "e4")
                        await bob.post("e5", wait_ms=0)
                        await app.do("wait", selector="#status", text="Your turn.")
                        # The keyboard: from g1 to f3.
                        await app.do("key", selector="[data-cell=g1]", key="Enter")
                        for cell, key in (("g2", "ArrowUp"), ("g3", "ArrowUp"), ("f3", "ArrowLeft")):
                            self.assertEqual(await app.do("key", key=key), cell)
                        await app.do("key", key="Enter")
                        await app.do("wait", selector="#status", text="bob to move.")
                        await until_said(bob, "Nf3")
                        # In a wider host, cells are as large as a finger needs.
                        await bob.post("Nc6", wait_ms=0)
                        await until_said(bob, "Nc6")
                        await app.do("show", args={"channel_id": channel_id}, theme="light", width=640)
                        await app.do("wait", selector="#status", text="Your turn.")
                        state = await self.assert_well_behaved(app)
                        self.assertGreaterEqual(round(state["cell"]), 42)
                        await app.do("screenshot", path=str(PICTURES / "chess-wide.png"))

    async def test_columns_promotions_and_sealed_forms(self):
        async with running_relay() as relay, asyncio.timeout(TEST_SECONDS):
            token = await relay.create_token("alice")
            async with remote(relay, "alice", token=token) as alice, remote(relay, "bob") as bob:
                async with chat("http", relay.url + "/mcp", TOKEN=token) as (app, _):
                    four = await start_game(alice, bob, "ConnectFourBot")
                    await until_said(bob, "your move")
                    await app.do("show", args={"channel_id": four}, theme="light", width=320)
                    await app.do("screenshot", path=str(PICTURES / "connect-four-light.png"))
                    await app.do("click", selector="[data-cell=d5]")
                    await app.do("wait", selector="#status", text="bob to move.")
                    await self.assert_well_behaved(app)

                    chess = await start_game(alice, bob, "ChessBot", fen="7k/4P3/8/8/8/8/8/K7 w - - 0 1")
                    await until_said(bob, "alice, your move")
                    await app.do("show", args={"channel_id": chess}, theme="dark", width=320)
                    await app.do("click", selector="[data-cell=e7]")
                    await app.do("click", selector="[data-cell=e8]")
                    await app.do("wait", selector="#choices", text="Rook")
                    await app.do("screenshot", path=str(PICTURES / "promotion-dark.png"))
                    await self.assert_well_behaved(app)
                    await app.do("click", selector="#choices button:nth-child(2)")
                    await app.do("wait", selector="#status", text="bob to move.")
                    await self.assert_well_behaved(app)

                    bids = await start(alice, bob, bot_code=BIDS)
                    await until_said(bob, "Bids, please.")
                    await app.do("show", args={"channel_id": bids}, theme="light", width=320)
                    await app.do("wait", selector="#choices", text="bid")
                    await app.do("screenshot", path=str(PICTURES / "form-light.png"))
                    await app.do("key", selector="#choices input", key="7")
                    await app.do("key", key="Enter")
                    await until_said(bob, "s1 bids 7 EUR in turn 1.")
                    await self.assert_well_behaved(app)
                    self.assertNotIn("bids 7", str((await app.do("state"))["modelContext"]))

    async def test_without_calls_the_page_says_what_to_type(self):
        async with running_relay() as relay, asyncio.timeout(TEST_SECONDS):
            token = await relay.create_token("alice")
            async with remote(relay, "alice", token=token) as alice, remote(relay, "bob") as bob:
                channel_id = await start_game(alice, bob, "TicTacToeBot")
                await until_said(bob, "your move")
                async with chat("http", relay.url + "/mcp", TOKEN=token) as (app, _):
                    await app.do("show", args={"channel_id": channel_id}, theme="light", width=320, canCall=False)
                    await app.do("click", selector="[data-cell=c3]")
                    await app.do("wait", selector="#notice", text="Type in the chat instead: play c3")
                    await self.assert_well_behaved(app)


if __name__ == "__main__":
    unittest.main()
