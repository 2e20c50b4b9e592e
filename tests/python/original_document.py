"""The code blocks of the document that describes the original system, quoted verbatim, and a class that runs them.

Python blocks are executed: their calls of `create_channel`, `join_channel` and `post_message` become calls of the tools.
Only placeholders ("inv_abc123", "rejoin_xyz789...", "...") are replaced by real values.
"""

import ast

from original_client import OriginalClient

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

# The remaining blocks are from the original system's scripts.

SCRIPT_GUESS_BOT = {
    "name": "GuessBot",
    "version": "1.0",
    "code_ref": "builtin://GuessBot",
    "manifest": {
        "summary": "Turn-based number guessing referee",
        "hooks": ["on_init", "on_join", "on_message"],
        "emits": ["prompt", "state", "turn", "judge"],
        "params": {"mode": "number", "range": [1, 10]},
    },
}

SCRIPT_ECHO_BOT = '''
class EchoBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = params

    def on_init(self):
        self.ctx.post("bot", {"type": "ready", "message": "EchoBot is ready!"})

    def on_join(self, player_id):
        self.ctx.post("bot", {"type": "welcome", "player": player_id, "message": f"Welcome {player_id[:8]}!"})

    def on_message(self, msg):
        if msg.get("kind") == "user":
            body = msg.get("body", {})
            self.ctx.post("bot", {"type": "echo", "original": body, "message": f"I heard: {body}"})
'''


class Document:
    """Runs code blocks: `host` creates channels, `guest` joins and posts; by default both are the local user."""

    def __init__(self, relay, *, host=None, guest=None):
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
        self.joined = self._call_with_placeholders("join_channel", arguments)
        return self.joined

    def post_message(self, **arguments):
        self.posted = self._call_with_placeholders("post_message", arguments)
        return self.posted

    def _call_with_placeholders(self, tool, arguments):
        return self.guest.call_tool(tool, {key: self.placeholders.get(value, value) for key, value in arguments.items()})

    def bot_bodies(self):
        """Returns the bodies of the bot's posts, and of the relay's reports that it failed."""
        messages = self.guest.call_tool("sync_messages", {"channel_id": self.created["channel_id"]})["messages"]
        return [message["body"] for message in messages
                if message["sender"].startswith("bot:") or message["body"].get("type") == "bot:error"]


def source_in(block):
    """Returns the `bot_code` argument of the call in a block."""
    call = next(node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call))
    return next(ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "bot_code")
