"""The code of the original document, run as it stands there: what it shows works, or is refused as it says.

Each block below is a quotation, and is executed: calls of `create_channel`, `join_channel` and `post_message` are
calls of the tools. Only placeholders are filled in ("inv_abc123", "rejoin_xyz789...", "..."). Where a bot asks a
server of the internet, a test with its unchanged source shows what players read when that server can't be reached;
and one with nothing but the server's address replaced, by a server of this machine, shows the bot at work.
"""

import ast
import hashlib
import http.client
import json
import sys
import unittest

import paths
from original_client import OriginalClient
from personas import running_relay

sys.path.insert(0, str(paths.ROOT / "examples"))

from loopback import json_server  # noqa: E402

PRICE = r"""
# Alice creates the channel
create_channel(
    name="BTC Price Check",
    slots=["bot:price-bot", "invite:alice", "invite:bob"],
    bot_code='''
import requests
class BitcoinPriceBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
    def on_init(self):
        self.ctx.post('system', {'text': '🤖 Bitcoin Price Bot ready! Type "price" to check BTC.'})
    def on_message(self, msg):
        if 'price' in msg.get('body', {}).get('text', '').lower():
            resp = requests.get('https://api.coinbase.com/v2/prices/BTC-USD/spot')
            price = resp.json()['data']['amount']
            self.ctx.post('bot', {'text': f'💰 Current BTC: ${price} USD'})
'''
)
# Alice gets: inv_abc123 and inv_def456
# Alice shares inv_def456 with Bob

# Bob joins and both can now query the same price source
join_channel(invite_code="inv_def456")
post_message(body="price", channel_id="...")
# Bot responds: "💰 Current BTC: $114,609.375 USD"
"""

GUESS = r"""
# Alice creates a guessing game with a referee bot
create_channel(
    name="Guess Game",
    slots=["bot:guess-referee", "invite:alice", "invite:bob"],
    bot_preset="GuessBot"  # Built-in bot with cryptographic commitment
)

# The bot immediately commits to a secret number
# Bob joins and sees: commitment_hash = "7a3f8c..."

# Bob guesses: 42 (using simple text message)
post_message(channel_id="...", body="guess 42")

# Bot reveals: {"target": 37, "salt": "xyz", "hash": "7a3f8c..."}
# Bob can verify: sha256(37 + "xyz") == "7a3f8c..." ✓
"""

BLACKJACK = r"""
create_channel(
    name="Blackjack Table",
    slots=["bot:dealer", "invite:player1", "invite:player2"],
    bot_preset="BlackjackBot"
)
# Bot shuffles deck with a committed seed
# Players can verify cards were dealt fairly after the game
"""

JUDGE = r"""
create_channel(
    name="Collaboration Agreement",
    slots=["bot:judge", "invite:alice", "invite:bob"],
    bot_code='''
# Judge bot that interprets agreed-upon rules
# Both parties opt-in to having the bot mediate disputes
# The bot's code IS the contract
'''
)
"""

BASIC_FLOW = r"""
create_channel(
    name="My Channel",
    slots=["bot:referee", "invite:alice", "invite:bob"],
    bot_code="..."  # or bot_preset="GuessBot"
)
# Returns: ["inv_abc123", "inv_def456"]
"""

BASIC_FLOW_JOIN = r"""
join_channel(invite_code="inv_def456")
# Bob can now see the bot code and verify its hash
"""

BASIC_FLOW_POST = r"""
post_message(body="Hello!", channel_id="...")
# Bot processes messages according to its transparent code
"""

ECHO = r"""
create_channel(
    name="Echo Game",
    slots=["bot:echo", "invite:player"],
    bot_code='''
class EchoBot:
    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_init(self):
        self.ctx.post('system', {'text': 'Echo ready'})

    def on_message(self, msg):
        if msg.get('kind') == 'user':
            self.ctx.post('bot', {'echo': msg.get('body')})
'''
)
"""

BLOCKED_IMPORT = "import os  # ❌ Import of 'os' is not allowed\n"
BLOCKED_EVAL = 'eval("2+2")  # ❌ Eval calls are not allowed\n'

BITCOIN_BOT = r"""
import random
import json
import requests  # ✅ Network requests allowed

class BitcoinBot:
    def on_init(self):
        # Fetch BTC price from public API
        resp = requests.get("https://api.coinbase.com/v2/exchange-rates?currency=BTC")
        data = resp.json()
        price = data["data"]["rates"]["USD"]

        self.ctx.post("bot", {
            "type": "ready",
            "message": f"BTC price: ${price}"
        })

    def on_message(self, msg):
        roll = random.randint(1, 6)
        self.ctx.post("bot", {"roll": roll})
"""

GAME = r"""
# Create channel with preset bot
create_channel(
    name="Guess Game",
    slots=["bot:guess-referee", "invite:player1", "invite:player2"],
    bot_preset="GuessBot"
)
"""

BUILTIN_BOTS = r"""
{
  "bots": [{
    "name": "GuessBot",
    "version": "1.0",
    "code_ref": "builtin://GuessBot",
    "manifest": { ... }
  }]
}
"""

JOINED = r"""
{
  "channel_id": "chn_abc123",
  "slot_id": "s1",
  "rejoin_token": "rejoin_xyz789...",
  "view": { ... }
}
"""

REJOIN = r"""
# Use the same join_channel tool with your rejoin_token
join_channel(invite_code="rejoin_xyz789...")
"""

TOOLS_LIST = r"""
curl http://127.0.0.1:8201/mcp -H "Content-Type: application/json" \
  -H "Accept: application/json, text/event-stream" \
  -d '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'
"""

ALLOWED_IMPORTS = """
json, math, random, datetime, time, re, base64, hashlib, hmac, secrets, typing, copy
socket, ssl, http, urllib, urllib3, requests, certifi, charset_normalizer, idna
collections, itertools, functools, io, traceback, sys, email, warnings, weakref
"""


class Document:
    """Runs quoted blocks: who creates, who joins and posts, and what the placeholders stand for."""

    def __init__(self, relay, *, host=None, guest=None):
        # Source of one's own is for the user of the relay's machine.
        self.host = host or OriginalClient(relay, relay.local_token).connect()
        self.guest = guest or self.host
        self.placeholders = {}
        self.created = self.joined = self.posted = None

    def run(self, block):
        tools = {name: getattr(self, name) for name in ("create_channel", "join_channel", "post_message")}
        exec(compile(block, "the document", "exec"), tools)

    def create_channel(self, **arguments):
        self.created = self.host.call_tool("create_channel", arguments)
        self.placeholders["..."] = self.created["channel_id"]
        self.placeholders.update(zip(("inv_abc123", "inv_def456"), self.created["invites"]))
        return self.created

    def join_channel(self, **arguments):
        self.joined = self.filled(self.guest, "join_channel", arguments)
        return self.joined

    def post_message(self, **arguments):
        self.posted = self.filled(self.guest, "post_message", arguments)
        return self.posted

    def filled(self, client, tool, arguments):
        return client.call_tool(tool, {key: self.placeholders.get(value, value) for key, value in arguments.items()})

    def bodies(self, client=None):
        """What the bot said, and what the relay said of its failures."""
        messages = (client or self.guest).call_tool("sync_messages", {"channel_id": self.created["channel_id"]})["messages"]
        return [message["body"] for message in messages
                if message["sender"].startswith("bot:") or message["body"].get("type") == "bot:error"]


def source_in(block):
    """The `bot_code` of a block."""
    call = next(node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call))
    return next(ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "bot_code")


class DocumentTest(unittest.IsolatedAsyncioTestCase):
    async def two(self, relay):
        """A document where alice is at home and bob has a token."""
        return Document(relay, guest=OriginalClient(relay, await relay.create_token("bob")).connect())


class ChannelBlocksTest(DocumentTest):
    async def test_guessing_game(self):
        async with running_relay() as relay:
            document = await self.two(relay)
            tree = ast.parse(GUESS).body
            document.run(ast.unparse(tree[0]))
            document.join_channel(invite_code="inv_def456")
            document.host.call_tool("join_channel", {"invite_code": document.created["invites"][0]})
            commit = next(body for body in document.bodies() if body.get("type") == "bot:commit")
            document.run(ast.unparse(tree[1]))
            judged = [body for body in document.bodies() if body.get("type") == "judge"]
            self.assertEqual([body["guess"] for body in judged], [42])
            if judged[0]["result"] != "correct":
                document.run('post_message(channel_id="...", body="concede")')
            reveal = next(body for body in document.bodies() if body.get("type") == "bot:reveal")
            self.assertEqual(reveal["hash"], commit["commitment_hash"])
            self.assertEqual(hashlib.sha256((str(reveal["target"]) + reveal["salt"]).encode()).hexdigest(), reveal["hash"])

    async def test_blackjack(self):
        async with running_relay() as relay:
            document = await self.two(relay)
            document.run(BLACKJACK)
            self.assertNotIn("bot_errors", document.created)
            document.run('join_channel(invite_code="inv_def456")')
            document.run('post_message(channel_id="...", body="bet 10")')
            self.assertIn("round_start", [body["type"] for body in document.bodies()])

    async def test_creating_a_guessing_game(self):
        async with running_relay() as relay:
            document = Document(relay)
            document.run(GAME)
            self.assertEqual([bot["bot_id"] for bot in document.created["bots"]], ["bot_GuessBot_0"])
            self.assertEqual(len(document.created["invites"]), 2)

    async def test_the_basic_flow(self):
        async with running_relay() as relay:
            document = await self.two(relay)
            # As it stands, "..." is a Python expression and no bot; the comment names what to put there.
            document.run(BASIC_FLOW)
            self.assertIn("no bot class", document.created["bot_errors"][0])
            document.run(BASIC_FLOW.replace('bot_code="..."  # or bot_preset="GuessBot"', 'bot_preset="GuessBot"'))
            self.assertEqual([invite[:4] for invite in document.created["invites"]], ["inv_", "inv_"])
            document.run(BASIC_FLOW_JOIN)
            [bot] = document.joined["bots"]
            code = document.guest.call_tool("get_bot_code", {"channel_id": document.created["channel_id"], "bot_id": bot["bot_id"]})
            self.assertEqual(code["code_hash"], "sha256:" + hashlib.sha256(code["source"].encode()).hexdigest())
            document.run(BASIC_FLOW_POST)
            self.assertGreater(document.posted["msg_id"], 0)

    async def test_a_judge_of_comments_is_no_bot_and_the_preset_is(self):
        async with running_relay() as relay:
            document = await self.two(relay)
            document.run(JUDGE)
            self.assertIn("no bot class", document.created["bot_errors"][0])
            terms = {"text": "We share what we find.", "parties": ["alice", "bob"], "obligations": [
                {"id": "share", "by": "bob", "to": "alice", "deadline_seconds": 3600}]}
            created = document.host.call_tool("create_channel", {
                "name": "Collaboration Agreement", "slots": ["bot:judge", "invite:alice", "invite:bob"],
                "bot_preset": "ContractBot", "bot_params": {"terms": terms}})
            self.assertNotIn("bot_errors", created)

    async def test_joining_and_rejoining(self):
        async with running_relay() as relay:
            document = await self.two(relay)
            document.run(GAME)
            document.run('join_channel(invite_code="inv_abc123")')
            shown = json.loads(JOINED.replace("{ ... }", "{}"))
            for name, example in shown.items():
                self.assertIsInstance(document.joined[name], type(example), name)
            self.assertTrue(document.joined["rejoin_token"].startswith("rejoin_"))
            document.placeholders["rejoin_xyz789..."] = document.joined["rejoin_token"]
            old, document.guest = document.guest, OriginalClient(relay, await relay.create_token("bob-again")).connect()
            slot_id = document.joined["slot_id"]
            for _ in range(2):  # "you can use it multiple times"
                document.run(REJOIN)
                self.assertEqual(document.joined["slot_id"], slot_id)
            refused = old.call_tool("post_message", {"channel_id": document.created["channel_id"], "body": "hello"})
            self.assertEqual(refused["error"]["code"], "NOT_MEMBER")
            self.assertTrue(document.bodies(), "message history is preserved")

    async def test_builtin_bots(self):
        async with running_relay() as relay:
            document = Document(relay)
            spec = json.loads(BUILTIN_BOTS.replace("{ ... }", '{"summary": "Referee"}'))
            document.create_channel(name="Guess", slots=["bot:referee", "invite:player"], **spec)
            self.assertNotIn("bot_errors", document.created)
            code = document.host.call_tool("get_bot_code", {"channel_id": document.created["channel_id"], "bot_id": "bot_GuessBot_0"})
            self.assertEqual((code["code_ref"], code["version"], code["manifest"]["summary"]), ("builtin://GuessBot", "1.0", "Referee"))

    async def test_asking_for_the_list_of_tools(self):
        async with running_relay() as relay:
            payload = TOOLS_LIST[TOOLS_LIST.index("-d '") + 4:].rstrip().rstrip("'")
            headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
            for token, status in ((None, 401), (relay.local_token, 200)):
                connection = http.client.HTTPConnection(relay.address, timeout=30)
                more = {"Authorization": f"Bearer {token}"} if token else {}
                connection.request("POST", "/mcp", payload, headers | more)
                response = connection.getresponse()
                text = response.read().decode()
                connection.close()
                self.assertEqual(response.status, status, text)
            self.assertIn("create_channel", text)


class InlineBotsTest(DocumentTest):
    async def test_echo_bot(self):
        async with running_relay() as relay:
            document = Document(relay)
            document.run(ECHO)
            self.assertNotIn("bot_errors", document.created)
            document.run('join_channel(invite_code="inv_abc123")')
            document.run('post_message(channel_id="...", body="Hello!")')
            self.assertEqual(document.bodies(), [{"text": "Echo ready"}, {"echo": {"text": "Hello!"}}])

    async def test_what_is_blocked_is_named(self):
        bot = "class SomeBot:\n    def on_init(self):\n        pass\n"
        private = bot.replace("pass", "self.ctx.__class__")
        async with running_relay() as relay:
            for source, said, line in ((BLOCKED_IMPORT + bot, "Import of 'os' is not allowed", 1),
                                       (BLOCKED_EVAL + bot, "Eval calls are not allowed", 1),
                                       ("import subprocess\n" + bot, "Import of 'subprocess' is not allowed", 1),
                                       ('exec("x = 1")\n' + bot, "Exec calls are not allowed", 1), (private, "__class__", 3),
                                       (bot.replace("pass", "__builtins__"), "__builtins__", 3)):
                with self.subTest(said):
                    document = Document(relay)
                    document.create_channel(name="Blocked", slots=["bot:it", "invite:player"], bot_code=source)
                    [error] = document.created["bot_errors"]
                    self.assertIn(said, error)
                    self.assertIn(f"line {line}", error)

    async def test_what_is_allowed_can_be_imported(self):
        modules = ALLOWED_IMPORTS.replace("\n", ", ").strip(", ").split(", ")
        source = "".join(f"import {name}\n" for name in modules)
        source += "class ImportBot:\n    def on_init(self):\n        self.ctx.post('bot', {'text': math.__name__ + requests.__name__})\n"
        async with running_relay() as relay:
            document = Document(relay)
            document.create_channel(name="Imports", slots=["bot:it", "invite:player"], bot_code=source)
            self.assertNotIn("bot_errors", document.created)
            document.run('join_channel(invite_code="inv_abc123")')
            self.assertEqual(document.bodies(), [{"text": "mathrequests"}])

    async def test_the_workspace(self):
        source = ("import io\nclass FileBot:\n    def on_message(self, msg):\n        path = self.ctx.workspace + '/note.txt'\n"
                  "        with io.open(path, 'w') as file:\n            file.write('temporary')\n"
                  "        self.ctx.post('bot', {'text': io.open(path).read()})\n")
        async with running_relay() as relay:
            document = Document(relay)
            document.create_channel(name="Files", slots=["bot:it", "invite:player"], bot_code=source)
            document.run('join_channel(invite_code="inv_abc123")')
            document.run('post_message(channel_id="...", body="go")')
            self.assertEqual(document.bodies(), [{"text": "temporary"}])


def coinbase(method, path, body, headers):
    """Answers as the API that the document's bots ask."""
    if path == "/v2/prices/BTC-USD/spot":
        return 200, {"data": {"amount": "114609.375", "base": "BTC", "currency": "USD"}}
    if path == "/v2/exchange-rates?currency=BTC":
        return 200, {"data": {"currency": "BTC", "rates": {"USD": "114609.375"}}}
    return 404, {"errors": [{"id": "not_found"}]}


class NetworkBlocksTest(DocumentTest):
    async def test_price_bot_as_it_stands(self):
        async with running_relay() as relay:
            document = await self.two(relay)
            document.run(PRICE)
            self.assertNotIn("bot_errors", document.created)
            self.assertEqual(document.bodies()[0]["text"], '🤖 Bitcoin Price Bot ready! Type "price" to check BTC.')
            document.guest.call_tool("sync_messages", {"channel_id": document.created["channel_id"],
                                                       "cursor": document.posted["msg_id"], "timeout_ms": 10_000})
            said = document.bodies()[-1]
            # With the internet, the price; without, words that say what failed.
            self.assertTrue(said["text"].startswith("💰 Current BTC: $") or said.get("type") == "bot:error", said)

    async def test_price_bot_with_the_server_replaced(self):
        with json_server(coinbase) as address:
            block = PRICE.replace("https://api.coinbase.com", f"http://{address}")
            self.assertEqual(len(block) - len(PRICE), len(f"http://{address}") - len("https://api.coinbase.com"))
            async with running_relay(reaching=address) as relay:
                document = await self.two(relay)
                document.run(block)
                self.assertEqual(document.bodies()[-1], {"text": "💰 Current BTC: $114609.375 USD"})
                code = document.guest.call_tool("get_bot_code", {"channel_id": document.created["channel_id"],
                                                                 "bot_id": document.created["bots"][0]["bot_id"]})
                self.assertEqual(code["inline_code"], source_in(block))

    async def test_bitcoin_bot_as_it_stands(self):
        async with running_relay() as relay:
            document = Document(relay)
            document.create_channel(name="BTC", slots=["bot:it", "invite:player"], bot_code=BITCOIN_BOT)
            if "bot_errors" in document.created:  # it asks in on_init, so without the internet it can't begin
                self.assertIn("on_init failed", document.created["bot_errors"][0])
                self.assertIn("api.coinbase.com", document.created["bot_errors"][0])

    async def test_bitcoin_bot_with_the_server_replaced(self):
        with json_server(coinbase) as address:
            async with running_relay(reaching=address) as relay:
                document = Document(relay)
                source = BITCOIN_BOT.replace("https://api.coinbase.com", f"http://{address}")
                document.create_channel(name="BTC", slots=["bot:it", "invite:player"], bot_code=source)
                self.assertNotIn("bot_errors", document.created)
                document.run('join_channel(invite_code="inv_abc123")')
                document.run('post_message(channel_id="...", body="roll")')
                ready, roll = document.bodies()
                self.assertEqual(ready, {"type": "ready", "message": "BTC price: $114609.375"})
                self.assertIn(roll["roll"], range(1, 7))


if __name__ == "__main__":
    unittest.main()
