"""Users of the original system find it again: its tools, the code in its document, and its scripts.

- Its clients call the tools at `/`, with a bearer token and nothing else changed.
- The code blocks of its document run as they are quoted in original_document.py, or are refused as the document says.
- Its scripts have successors in examples/http, with the same settings and files.

A bot in the document queries an internet server. One test runs it unaltered, and accepts an error if the server is
unreachable; another replaces only the server's address, by that of a server on this machine.
"""

import ast
import asyncio
import hashlib
import http.client
import json
import os
import re
import stat
import sys
import tempfile
import unittest
from pathlib import Path

import original_document as blocks
import paths
from original_client import OriginalClient
from original_document import Document
from personas import running_relay
from relay import environment

sys.path.insert(0, str(paths.ROOT / "examples"))

from loopback import json_server  # noqa: E402


def bodies_of_type(messages, kind):
    return [message["body"] for message in messages if message["body"].get("type") == kind]


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class OriginalSystemTest(unittest.IsolatedAsyncioTestCase):
    """Starts a relay for each test."""

    async def asyncSetUp(self):
        self.relay = await self.enterAsyncContext(running_relay())

    async def client(self, name):
        return OriginalClient(self.relay, await self.relay.create_token(name)).connect()

    async def document_of_two(self):
        """A document in which alice is the local user, and bob has a token."""
        return Document(self.relay, guest=await self.client("bob"))

    def request(self, path, payload, headers):
        """Sends a request without the client; returns the status and the text of the reply."""
        connection = http.client.HTTPConnection(self.relay.address, timeout=30)
        try:
            connection.request("POST", path, payload, {"Content-Type": "application/json"} | headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


class ChannelTest(OriginalSystemTest):
    async def test_a_whole_game_with_a_sync_right_after_each_post(self):
        alice, bob = await self.client("alice"), await self.client("bob")
        created = alice.call_tool("create_channel", {
            "name": "Test Guessing Game", "slots": ["bot:guess-referee", "invite:alice", "invite:bob"],
            "bot_preset": "GuessBot"})
        channel = created["channel_id"]
        self.assertEqual([invite[:4] for invite in created["invites"]], ["inv_", "inv_"])
        seats = {}
        for player, invite in zip((alice, bob), created["invites"]):
            joined = player.call_tool("join_channel", {"invite_code": invite})
            self.assertEqual(joined["view"]["name"], "Test Guessing Game")
            seats[joined["slot_id"]] = player
        self.assertEqual(list(seats), ["s1", "s2"])

        before = alice.call_tool("sync_messages", {"channel_id": channel})
        cursor = before["cursor"]
        self.assertEqual(len(bodies_of_type(before["messages"], "bot:commit")), 1)
        turn, low, high = bodies_of_type(before["messages"], "bot:turn")[0]["player"], 1, 100
        for _ in range(7):
            player, guess = seats[turn], (low + high) // 2
            posted = player.call_tool("post_message", {"channel_id": channel, "body": f"guess {guess}"})
            self.assertGreater(posted["msg_id"], cursor)
            # The original's scripts do not wait between post and sync: the judgement must be there already.
            synced = player.call_tool("sync_messages", {"channel_id": channel, "cursor": cursor})
            cursor = synced["cursor"]
            [judged] = bodies_of_type(synced["messages"], "judge")
            self.assertEqual(judged["guess"], guess)
            if judged["result"] == "correct":
                break
            low, high = (low, guess - 1) if judged["result"] == "high" else (guess + 1, high)
            turn = bodies_of_type(synced["messages"], "bot:turn")[0]["player"]
        [reveal] = bodies_of_type(synced["messages"], "bot:reveal")
        self.assertEqual(reveal["hash"], bodies_of_type(before["messages"], "bot:commit")[0]["commitment_hash"])
        self.assertEqual(sha256(str(reveal["target"]) + reveal["salt"]), reveal["hash"])
        self.assertEqual(bodies_of_type(synced["messages"], "game_end")[0]["winner"], turn)

    async def test_the_documents_guessing_game(self):
        document = await self.document_of_two()
        create, guess = [ast.unparse(statement) for statement in ast.parse(blocks.GUESS).body]
        document.run(create)
        document.join_channel(invite_code="inv_def456")
        document.host.call_tool("join_channel", {"invite_code": document.created["invites"][0]})
        commit = next(body for body in document.bot_bodies() if body.get("type") == "bot:commit")
        document.run(guess)
        judged = [body for body in document.bot_bodies() if body.get("type") == "judge"]
        self.assertEqual([body["guess"] for body in judged], [42])
        if judged[0]["result"] != "correct":
            document.run('post_message(channel_id="...", body="concede")')
        reveal = next(body for body in document.bot_bodies() if body.get("type") == "bot:reveal")
        self.assertEqual(reveal["hash"], commit["commitment_hash"])
        self.assertEqual(sha256(str(reveal["target"]) + reveal["salt"]), reveal["hash"])

    async def test_the_documents_blackjack_table(self):
        document = await self.document_of_two()
        document.run(blocks.BLACKJACK)
        self.assertNotIn("bot_errors", document.created)
        document.run('join_channel(invite_code="inv_def456")')
        document.run('post_message(channel_id="...", body="bet 10")')
        self.assertIn("round_start", [body["type"] for body in document.bot_bodies()])

    async def test_the_documents_basic_flow(self):
        document = await self.document_of_two()
        # Unaltered, the block's source "..." is valid Python without a bot. Its comment says what to use instead.
        document.run(blocks.BASIC_FLOW)
        self.assertIn("no bot class", document.created["bot_errors"][0])
        document.run(blocks.BASIC_FLOW.replace('bot_code="..."  # or bot_preset="GuessBot"', 'bot_preset="GuessBot"'))
        self.assertEqual([invite[:4] for invite in document.created["invites"]], ["inv_", "inv_"])
        document.run(blocks.BASIC_FLOW_JOIN)
        [bot] = document.joined["bots"]
        code = document.guest.call_tool("get_bot_code", {"channel_id": document.created["channel_id"], "bot_id": bot["bot_id"]})
        self.assertEqual(code["code_hash"], "sha256:" + sha256(code["source"]))
        document.run(blocks.BASIC_FLOW_POST)
        self.assertGreater(document.posted["msg_id"], 0)

    async def test_a_channel_without_a_bot(self):
        alice = await self.client("alice")
        self.assertGreaterEqual(len(alice.request("tools/list", {})["tools"]), 9)
        created = alice.call_tool("create_channel", {
            "name": "Session Continuity Test", "slots": ["invite:player1", "invite:player2"]})
        channel = created["channel_id"]
        alice.call_tool("join_channel", {"invite_code": created["invites"][0]}, 3)
        posted = alice.call_tool("post_message", {"channel_id": channel, "kind": "user", "body": "Test message"}, 4)
        messages = alice.call_tool("sync_messages", {"channel_id": channel}, 5)["messages"]
        [own] = [message for message in messages if message["id"] == posted["msg_id"]]
        self.assertEqual((own["kind"], own["body"]["text"], own["sender"]), ("user", "Test message", "s0"))

    async def test_dm_bot_reaches_only_the_bot_and_its_reply_only_the_sender(self):
        alice, bob = await self.client("alice"), await self.client("bob")
        created = alice.call_tool("create_channel", {
            "name": "Whispers", "slots": ["bot:referee", "invite:alice", "invite:bob"], "bot_preset": "GuessBot"})
        channel, bot_id = created["channel_id"], created["bots"][0]["bot_id"]
        for player, invite in zip((alice, bob), created["invites"]):
            player.call_tool("join_channel", {"invite_code": invite})
        sent = alice.call_tool("dm_bot", {"channel_id": channel, "bot_id": bot_id, "message": "!status"})
        self.assertEqual((sent["ok"], sent["delivered_to"]), (True, bot_id))
        seen = alice.call_tool("sync_messages", {"channel_id": channel})["messages"]
        [reply] = [message for message in seen if message["to_slot"] == "s1"]
        self.assertEqual((reply["body"]["type"], reply["sender"]), ("status", f"bot:{bot_id}"))
        self.assertTrue([message for message in seen if message["id"] == sent["msg_id"]])
        other = bob.call_tool("sync_messages", {"channel_id": channel})["messages"]
        self.assertFalse([message for message in other if message["id"] in (sent["msg_id"], reply["id"])])
        self.assertFalse(bodies_of_type(other, "status"))

    async def test_a_rejoin_token_continues_the_game_in_a_new_client(self):
        alice, bob, phone = [await self.client(name) for name in ("alice", "bob", "alice-on-the-phone")]
        created = alice.call_tool("create_channel", {
            "name": "Moving", "slots": ["bot:referee", "invite:alice", "invite:bob"], "bot_preset": "GuessBot",
            "bot_params": {"range": [1, 1000]}})
        channel = created["channel_id"]
        joined = alice.call_tool("join_channel", {"invite_code": created["invites"][0]})
        bob.call_tool("join_channel", {"invite_code": created["invites"][1]})

        again = phone.call_tool("join_channel", {"invite_code": joined["rejoin_token"]})
        self.assertEqual((again["slot_id"], again["channel_id"]), (joined["slot_id"], channel))
        self.assertEqual(again["rejoin_token"], joined["rejoin_token"])
        # The game continues: it is still the turn of this seat, and the referee saw each player join once.
        phone.call_tool("post_message", {"channel_id": channel, "body": "guess 500"})
        synced = phone.call_tool("sync_messages", {"channel_id": channel, "cursor": again["cursor"]})
        self.assertEqual(bodies_of_type(synced["messages"], "judge")[0]["player"], joined["slot_id"])
        log = bob.call_tool("sync_messages", {"channel_id": channel})["messages"]
        self.assertEqual([body["player"] for body in bodies_of_type(log, "player_joined")], ["s1", "s2"])
        self.assertEqual([body["slot_id"] for body in bodies_of_type(log, "member:rejoin")], ["s1"])
        refused = alice.call_tool("post_message", {"channel_id": channel, "body": "guess 1"})
        self.assertEqual(refused["error"]["code"], "NOT_MEMBER")

    async def test_the_documents_joining_and_rejoining(self):
        document = await self.document_of_two()
        document.run(blocks.GAME)
        self.assertEqual([bot["bot_id"] for bot in document.created["bots"]], ["bot_GuessBot_0"])
        self.assertEqual(len(document.created["invites"]), 2)
        document.run('join_channel(invite_code="inv_abc123")')
        shown = json.loads(blocks.JOINED.replace("{ ... }", "{}"))
        for name, example in shown.items():
            self.assertIsInstance(document.joined[name], type(example), name)
        self.assertTrue(document.joined["rejoin_token"].startswith("rejoin_"))
        document.placeholders["rejoin_xyz789..."] = document.joined["rejoin_token"]
        old, document.guest = document.guest, await self.client("bob-again")
        slot_id = document.joined["slot_id"]
        for _ in range(2):  # "you can use it multiple times"
            document.run(blocks.REJOIN)
            self.assertEqual(document.joined["slot_id"], slot_id)
        refused = old.call_tool("post_message", {"channel_id": document.created["channel_id"], "body": "hello"})
        self.assertEqual(refused["error"]["code"], "NOT_MEMBER")
        self.assertTrue(document.bot_bodies(), "message history is preserved")

    async def test_list_channels_shows_only_ones_own(self):
        alice, bob = await self.client("alice"), await self.client("bob")
        created = alice.call_tool("create_channel", {"name": "Mine", "slots": ["invite:a", "bot:b"],
                                                     "bot_preset": "GuessBot"})
        listed = alice.call_tool("list_channels")
        self.assertEqual(listed["total_channels"], 1)
        [channel] = listed["channels"]
        self.assertEqual((channel["name"], channel["channel_id"]), ("Mine", created["channel_id"]))
        self.assertEqual((len(channel["slots"]), channel["bots"]), (2, ["bot_GuessBot_0"]))
        self.assertGreater(channel["message_count"], 0)
        self.assertEqual(bob.call_tool("list_channels"), {"channels": [], "total_channels": 0})

    async def test_requests_need_a_token(self):
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            status, text = self.request("/", "{}", headers)
            self.assertEqual((status, json.loads(text)["error"]["code"]), (401, "UNAUTHENTICATED"))
        # The document's curl command works once the token is added.
        payload = blocks.TOOLS_LIST[blocks.TOOLS_LIST.index("-d '") + 4:].rstrip().rstrip("'")
        accept = {"Accept": "application/json, text/event-stream"}
        status, text = self.request("/mcp", payload, accept)
        self.assertEqual(status, 401, text)
        status, text = self.request("/mcp", payload, accept | {"Authorization": f"Bearer {self.relay.local_token}"})
        self.assertEqual(status, 200, text)
        self.assertIn("create_channel", text)


class BotTest(OriginalSystemTest):
    async def test_presets_by_name_and_by_code_ref(self):
        alice = await self.client("alice")
        created = alice.call_tool("create_channel", {
            "name": "Guessing Game", "slots": ["bot:guess-referee", "invite:player1", "invite:player2"],
            "bots": [blocks.SCRIPT_GUESS_BOT]})
        self.assertEqual(len(created["invites"]), 2)
        self.assertNotIn("bot_errors", created)
        alice.call_tool("join_channel", {"invite_code": created["invites"][0]})
        messages = alice.call_tool("sync_messages", {"channel_id": created["channel_id"]})["messages"]
        self.assertEqual(bodies_of_type(messages, "prompt")[0]["range"], [1, 10])
        [bot] = created["bots"]
        code = alice.call_tool("get_bot_code", {"channel_id": created["channel_id"], "bot_id": bot["bot_id"]})
        self.assertEqual(code["manifest"], blocks.SCRIPT_GUESS_BOT["manifest"])

        document = Document(self.relay)
        spec = json.loads(blocks.BUILTIN_BOTS.replace("{ ... }", '{"summary": "Referee"}'))
        document.create_channel(name="Guess", slots=["bot:referee", "invite:player"], **spec)
        self.assertNotIn("bot_errors", document.created)
        code = document.host.call_tool("get_bot_code", {"channel_id": document.created["channel_id"], "bot_id": "bot_GuessBot_0"})
        self.assertEqual((code["code_ref"], code["version"], code["manifest"]["summary"]), ("builtin://GuessBot", "1.0", "Referee"))

        created = alice.call_tool("create_channel", {
            "name": "Open", "slots": ["bot:referee", "invite:alice"], "bot_preset": "GuessBot"})
        bot_id = created["bots"][0]["bot_id"]
        code = alice.call_tool("get_bot_code", {"channel_id": created["channel_id"], "bot_id": bot_id})
        self.assertEqual(code["code_ref"], "builtin://GuessBot")
        self.assertEqual(code["code_hash"], "sha256:" + sha256(code["source"]))

    async def test_the_documents_judge_is_only_comments_and_its_preset_is_a_bot(self):
        document = await self.document_of_two()
        document.run(blocks.JUDGE)
        self.assertIn("no bot class", document.created["bot_errors"][0])
        terms = {"text": "We share what we find.", "parties": ["alice", "bob"], "obligations": [
            {"id": "share", "by": "bob", "to": "alice", "deadline_seconds": 3600}]}
        created = document.host.call_tool("create_channel", {
            "name": "Collaboration Agreement", "slots": ["bot:judge", "invite:alice", "invite:bob"],
            "bot_preset": "ContractBot", "bot_params": {"terms": terms}})
        self.assertNotIn("bot_errors", created)

    async def test_inline_bots(self):
        local_user = OriginalClient(self.relay, self.relay.local_token).connect()
        created = local_user.call_tool("create_channel", {
            "name": "Echo Test", "slots": ["bot:echo", "invite:player1"], "bot_code": blocks.SCRIPT_ECHO_BOT})
        channel = created["channel_id"]
        joined = local_user.call_tool("join_channel", {"invite_code": created["invites"][0]})
        before = local_user.call_tool("sync_messages", {"channel_id": channel})["messages"]
        self.assertEqual(bodies_of_type(before, "welcome")[0]["message"], f"Welcome {joined['slot_id']}!")
        local_user.call_tool("post_message", {"channel_id": channel, "body": "Hello EchoBot!"})
        after = local_user.call_tool("sync_messages", {"channel_id": channel})["messages"]
        self.assertEqual(bodies_of_type(after[len(before):], "echo")[0]["original"], {"text": "Hello EchoBot!"})

        [attach] = bodies_of_type(after, "bot:attach")
        code = local_user.call_tool("get_bot_code", {"channel_id": channel, "bot_id": attach["bot_id"]})
        self.assertEqual(code["inline_code"], blocks.SCRIPT_ECHO_BOT)
        self.assertEqual(code["code_hash"], "sha256:" + sha256(blocks.SCRIPT_ECHO_BOT))
        self.assertEqual((code["code_hash"], code["manifest_hash"]), (attach["code_hash"], attach["manifest_hash"]))

        document = Document(self.relay)
        document.run(blocks.ECHO)
        self.assertNotIn("bot_errors", document.created)
        document.run('join_channel(invite_code="inv_abc123")')
        document.run('post_message(channel_id="...", body="Hello!")')
        self.assertEqual(document.bot_bodies(), [{"text": "Echo ready"}, {"echo": {"text": "Hello!"}}])

    async def test_everybody_can_attach_inline_bots_where_the_sandbox_is_strong_enough(self):
        bob = await self.client("bob")
        strong = bob.call_tool("health_check")["sandbox"] in ("kernel", "full")
        created = bob.call_tool("create_channel", {
            "name": "Echo Test", "slots": ["bot:echo", "invite:player1"], "bot_code": blocks.SCRIPT_ECHO_BOT})
        if strong:
            self.assertNotIn("bot_errors", created)
        else:
            self.assertEqual(created["bots"], [])
            self.assertIn("preset", created["bot_errors"][0])

    async def test_blocked_code_is_refused_with_its_line(self):
        bot = "class SomeBot:\n    def on_init(self):\n        pass\n"
        private = bot.replace("pass", "self.ctx.__class__")
        for source, message, line in ((blocks.BLOCKED_IMPORT + bot, "Import of 'os' is not allowed", 1),
                                      (blocks.BLOCKED_EVAL + bot, "Eval calls are not allowed", 1),
                                      ("import subprocess\n" + bot, "Import of 'subprocess' is not allowed", 1),
                                      ('exec("x = 1")\n' + bot, "Exec calls are not allowed", 1), (private, "__class__", 3),
                                      (bot.replace("pass", "__builtins__"), "__builtins__", 3)):
            with self.subTest(message):
                document = Document(self.relay)
                document.create_channel(name="Blocked", slots=["bot:it", "invite:player"], bot_code=source)
                [error] = document.created["bot_errors"]
                self.assertIn(message, error)
                self.assertIn(f"line {line}", error)

    async def test_allowed_modules_can_be_imported(self):
        modules = blocks.ALLOWED_IMPORTS.replace("\n", ", ").strip(", ").split(", ")
        source = "".join(f"import {name}\n" for name in modules)
        source += "class ImportBot:\n    def on_init(self):\n        self.ctx.post('bot', {'text': math.__name__ + requests.__name__})\n"
        document = Document(self.relay)
        document.create_channel(name="Imports", slots=["bot:it", "invite:player"], bot_code=source)
        self.assertNotIn("bot_errors", document.created)
        document.run('join_channel(invite_code="inv_abc123")')
        self.assertEqual(document.bot_bodies(), [{"text": "mathrequests"}])

    async def test_bots_can_use_files_in_the_workspace(self):
        source = ("import io\nclass FileBot:\n    def on_message(self, msg):\n        path = self.ctx.workspace + '/note.txt'\n"
                  "        with io.open(path, 'w') as file:\n            file.write('temporary')\n"
                  "        self.ctx.post('bot', {'text': io.open(path).read()})\n")
        document = Document(self.relay)
        document.create_channel(name="Files", slots=["bot:it", "invite:player"], bot_code=source)
        document.run('join_channel(invite_code="inv_abc123")')
        document.run('post_message(channel_id="...", body="go")')
        self.assertEqual(document.bot_bodies(), [{"text": "temporary"}])


def fake_coinbase(method, path, body, headers):
    """Responds as the Coinbase API that the document's bots query."""
    if path == "/v2/prices/BTC-USD/spot":
        return 200, {"data": {"amount": "114609.375", "base": "BTC", "currency": "USD"}}
    if path == "/v2/exchange-rates?currency=BTC":
        return 200, {"data": {"currency": "BTC", "rates": {"USD": "114609.375"}}}
    return 404, {"errors": [{"id": "not_found"}]}


class UnalteredNetworkBotTest(OriginalSystemTest):
    async def test_price_bot(self):
        document = await self.document_of_two()
        document.run(blocks.PRICE)
        self.assertNotIn("bot_errors", document.created)
        self.assertEqual(document.bot_bodies()[0]["text"], '🤖 Bitcoin Price Bot ready! Type "price" to check BTC.')
        document.guest.call_tool("sync_messages", {"channel_id": document.created["channel_id"],
                                                   "cursor": document.posted["msg_id"], "timeout_ms": 10_000})
        last = document.bot_bodies()[-1]
        # With internet access it is the price; otherwise an error that says what failed.
        self.assertTrue(last["text"].startswith("💰 Current BTC: $") or last.get("type") == "bot:error", last)

    async def test_bitcoin_bot(self):
        document = Document(self.relay)
        document.create_channel(name="BTC", slots=["bot:it", "invite:player"], bot_code=blocks.BITCOIN_BOT)
        if "bot_errors" in document.created:  # without internet access it can't start, because on_init needs the price
            self.assertIn("on_init failed", document.created["bot_errors"][0])
            self.assertIn("api.coinbase.com", document.created["bot_errors"][0])


class NetworkBotTest(OriginalSystemTest):
    async def asyncSetUp(self):
        address = self.enterContext(json_server(fake_coinbase))
        self.url = f"http://{address}"
        self.relay = await self.enterAsyncContext(running_relay(reaching=address))

    async def test_price_bot(self):
        block = blocks.PRICE.replace("https://api.coinbase.com", self.url)
        self.assertEqual(len(block) - len(blocks.PRICE), len(self.url) - len("https://api.coinbase.com"))
        document = await self.document_of_two()
        document.run(block)
        self.assertEqual(document.bot_bodies()[-1], {"text": "💰 Current BTC: $114609.375 USD"})
        code = document.guest.call_tool("get_bot_code", {"channel_id": document.created["channel_id"],
                                                         "bot_id": document.created["bots"][0]["bot_id"]})
        self.assertEqual(code["inline_code"], blocks.source_in(block))

    async def test_bitcoin_bot(self):
        document = Document(self.relay)
        source = blocks.BITCOIN_BOT.replace("https://api.coinbase.com", self.url)
        document.create_channel(name="BTC", slots=["bot:it", "invite:player"], bot_code=source)
        self.assertNotIn("bot_errors", document.created)
        document.run('join_channel(invite_code="inv_abc123")')
        document.run('post_message(channel_id="...", body="roll")')
        ready, roll = document.bot_bodies()
        self.assertEqual(ready, {"type": "ready", "message": "BTC price: $114609.375"})
        self.assertIn(roll["roll"], range(1, 7))


class ScriptTest(OriginalSystemTest):
    """The scripts of examples/http, each run in a process of its own."""

    async def asyncSetUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="mcp-multiplayer-scripts-")))
        await super().asyncSetUp()
        self.settings = {"MCP_BASE_URL": self.relay.url}

    async def run_script(self, name, *arguments, code=0, **settings):
        """Runs a script in the test's directory; returns its output, or its stderr if it is expected to fail."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(paths.ROOT / "examples/http" / name), *arguments, cwd=self.directory,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment(**self.settings, **settings))
        out, err = await asyncio.wait_for(process.communicate(), 120)
        self.assertEqual(process.returncode, code, err.decode())
        self.assertNotIn("Traceback", err.decode())
        return (err if code else out).decode()

    async def create_join_rejoin_and_list(self, **settings):
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

    async def test_with_an_operators_token_nothing_is_stored(self):
        token = await self.relay.create_token("alice")
        await self.create_join_rejoin_and_list(MCP_TOKEN=token)
        self.assertEqual(os.listdir(self.directory), [])
        game = await self.run_script("play_guessing_game.py", MCP_TOKEN=token)
        self.assertEqual(game.count("✓"), 2)

    async def test_clients_register_themselves_and_store_their_tokens(self):
        await self.create_join_rejoin_and_list()
        file = self.directory / "mcp_tokens.json"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        stored = json.loads(file.read_text())[self.relay.url]
        self.assertEqual(list(stored), ["MCP Script Client"])
        game = await self.run_script("play_guessing_game.py")
        self.assertEqual(game.count("✓"), 2)
        after = json.loads(file.read_text())[self.relay.url]
        self.assertEqual(set(after), {"MCP Script Client", "MCP Script Client (alice)", "MCP Script Client (bob)"})
        self.assertEqual(after["MCP Script Client"], stored["MCP Script Client"], "the stored token is used again")
        self.assertEqual(os.listdir(self.directory), [file.name])

    async def test_a_refused_or_expired_token_is_renewed(self):
        file = self.directory / "tokens.json"
        self.settings["MCP_TOKEN_FILE"] = str(file)
        await self.create_join_rejoin_and_list()
        first = json.loads(file.read_text())[self.relay.url]["MCP Script Client"]
        for damage in ({"access_token": "mma_nonsense"}, {"expires_at": 0}, {"expires_at": 0, "client_id": "nobody"}):
            file.write_text(json.dumps({self.relay.url: {"MCP Script Client": first | damage}}))
            listed = await self.run_script("list_channels.py")
            now = json.loads(file.read_text())[self.relay.url]["MCP Script Client"]
            self.assertNotEqual(now["access_token"], first["access_token"])
            # The same client is the same principal. A client that the relay does not know is registered again.
            same = "client_id" not in damage
            self.assertEqual(now["client_id"] == first["client_id"], same)
            self.assertEqual("My Game" in listed, same)

    async def test_settings_can_be_in_a_file(self):
        token = await self.relay.create_token("alice")
        (self.directory / ".env.scripts").write_text(
            "# For local development\n"
            f"MCP_BASE_URL={self.relay.url}/   # with a slash\n"
            "# MCP_BASE_URL=https://relay.example.org\n"
            f"MCP_TOKEN='{token}'\n"
            "MCP_VERIFY_SSL=false\n")
        self.settings = {}
        self.assertIn('"status": "ok"', await self.run_script("connect.py"))

    async def test_failures_are_explained_without_a_traceback(self):
        self.assertIn("UNAUTHENTICATED", await self.run_script("connect.py", code=1, MCP_TOKEN="mm_nonsense"))
        token = await self.relay.create_token("alice")
        message = await self.run_script("join_channel.py", "inv_nonsense", code=1, MCP_TOKEN=token)
        self.assertIn("INVITE_INVALID", message)
        self.settings = {"MCP_BASE_URL": "http://127.0.0.1:9"}
        self.assertIn("cannot be reached", await self.run_script("connect.py", code=1, MCP_TOKEN=token))


if __name__ == "__main__":
    unittest.main()
