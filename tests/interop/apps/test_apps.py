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


# Style variables as hosts send them: none; a host with strong texts and faint lines; one with faint texts.
HOSTS = (
    {},
    {"--color-text-primary": "light-dark(#141413, #faf9f5)", "--color-text-secondary": "light-dark(#3d3d3a, #c2c0b6)",
     "--color-background-primary": "light-dark(#ffffff, #30302e)", "--color-background-secondary": "light-dark(#f5f4ed, #262624)",
     "--color-border-primary": "light-dark(rgb(31 30 29 / 0.4), rgb(222 220 209 / 0.4))", "--color-text-danger": "light-dark(#7f2c28, #ee8884)"},
    {"--color-text-primary": "light-dark(#3f434b, #ffffff)", "--color-text-secondary": "#878787",
     "--color-background-primary": "light-dark(#ffffff, #22252a)", "--color-background-secondary": "light-dark(#f4f6f7, #3f434b)",
     "--color-border-primary": "light-dark(#e3e6ea, #3f434b)", "--color-text-danger": "light-dark(#f94b4b, #ff6b6b)"},
)


def luminance(colour):
    """Returns the relative luminance of WCAG 2.2."""
    parts = [each / 255 for each in colour]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


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
        self.assertGreaterEqual(state["target"] or 44, 44, "a finger hits each button")
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
                    await app.do("tap", x=265, y=265)
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
                        await app.do("tap", x=4.5 * 40, y=6.5 * 40)
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
                        self.assertGreaterEqual(round(state["cell"]), 44)
                        await app.do("screenshot", path=str(PICTURES / "chess-wide.png"))

    async def test_black_sees_the_board_from_its_side(self):
        async with running_relay() as relay, asyncio.timeout(TEST_SECONDS):
            token = await relay.create_token("bob")
            async with remote(relay, "alice") as alice, remote(relay, "bob", token=token) as bob:
                channel_id = await start_game(alice, bob, "ChessBot")
                await until_said(alice, "your move")
                await alice.post("e4", wait_ms=0)
                await until_said(bob, "bob, your move")
                async with chat("http", relay.url + "/mcp", TOKEN=token) as (app, _):
                    await app.do("show", args={"channel_id": channel_id}, theme="light", width=320)
                    await app.do("wait", selector="#choices", text="resign")
                    state = await self.assert_well_behaved(app)
                    self.assertEqual(state["cell"], 40, "the most that eight columns can have")
                    # Black's knight on g8 is at the bottom, second from the left; to f6.
                    await app.do("tap", x=1.5 * 40, y=7.5 * 40)
                    await app.do("wait", selector="#status", text="g8: where to?")
                    await app.do("screenshot", path=str(PICTURES / "chess-black.png"))
                    await app.do("tap", x=2.5 * 40, y=5.5 * 40)
                    await app.do("wait", selector="#status", text="alice to move.")
                    await until_said(alice, "Nf6")
                    # To the left of g7 is h7.
                    await alice.post("d4", wait_ms=0)
                    await app.do("wait", selector="#status", text="Your turn.")
                    self.assertEqual(await app.do("key", selector="[data-cell=g7]", key="ArrowLeft"), "h7")
                    # Resigning is confirmed. The keyboard stays at the buttons.
                    await app.do("key", selector="#choices button:last-child", key="Enter")
                    await app.do("wait", selector="#choices", text="Yes, resign")
                    await app.do("key", key="Enter")
                    await app.do("wait", selector="#choices", text="offer draw")
                    await app.do("click", selector="#choices button:last-child")
                    await app.do("click", selector="#choices button:last-child")
                    await app.do("wait", selector="#status", text="The game is over.")
                    await until_said(alice, "bob resigns")
                    await self.assert_well_behaved(app)

    async def test_texts_and_lines_have_contrast_also_with_the_colours_of_hosts(self):
        async with running_relay() as relay, asyncio.timeout(TEST_SECONDS):
            token = await relay.create_token("alice")
            async with remote(relay, "alice", token=token) as alice, remote(relay, "bob") as bob:
                bids = await start(alice, bob, bot_code=BIDS)
                await until_said(bob, "Bids, please.")
                async with chat("http", relay.url + "/mcp", TOKEN=token) as (app, _):
                    for theme, variables in ((theme, colours) for colours in HOSTS for theme in ("light", "dark")):
                        await app.do("show", args={"channel_id": bids}, theme=theme, width=320, variables=variables)
                        await app.do("wait", selector="#choices", text="Send")
                        texts = ["#status", "#players li", "#last li", "#choices label", ".choice", "input", "#notice"]
                        for each in await app.do("colours", selectors=texts):
                            self.assertGreaterEqual(contrast(each["text"], each["ground"]), 4.5, (each, theme, variables))
                        for each in await app.do("colours", selectors=[".choice", "input", "select"]):
                            for ground in (each["ground"], each["beside"]):
                                self.assertGreaterEqual(contrast(each["edge"], ground), 3, (each, theme, variables))

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
