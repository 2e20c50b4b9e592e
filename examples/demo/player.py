"""A player: an MCP client that holds a seat in a channel and keeps the messages that it received.

It uses only the tools that every AI client has, through the official MCP SDK.
"""

import json
from contextlib import asynccontextmanager

import httpx2
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation

ANSWER_SECONDS = 60


class ToolFailed(Exception):
    """An error that a tool returned: code, message and hint."""

    def __init__(self, tool, error):
        super().__init__(f"{tool} failed: {error['code']}: {error['message']} {error.get('hint', '')}".strip())
        self.code = error["code"]


class Player:
    def __init__(self, name, client, observer=None):
        self.name = name
        self.client = client
        self.observer = observer  # its on_call and on_messages are called with what this player does and receives
        self.channel_id = self.slot_id = self.rejoin_token = self.referee = None
        self.cursor = 0
        self.messages = []

    async def call(self, tool, **arguments):
        """Calls a tool; returns its reply, decoded from JSON."""
        if self.observer:
            await self.observer.on_call(self.name, tool, arguments)
        result = await self.client.call_tool(tool, arguments)
        reply = json.loads(result.content[0].text)
        if result.is_error:
            raise ToolFailed(tool, reply["error"])
        await self.remember(reply)
        return reply

    async def remember(self, reply):
        """Stores the seat, cursor and messages that a reply contains."""
        self.channel_id = reply.get("channel_id", self.channel_id)
        self.slot_id = reply.get("slot_id", self.slot_id)
        self.rejoin_token = reply.get("rejoin_token", self.rejoin_token)
        if reply.get("bots") and "bot_id" in reply["bots"][0]:
            self.referee = reply["bots"][0]["bot_id"]
        if "messages" not in reply:
            return
        # A join returns the log from its beginning; all other replies continue from the cursor.
        fresh = [with_body(message) for message in reply["messages"] if message["id"] > self.cursor]
        self.cursor = max(self.cursor, reply["cursor"])
        self.messages += fresh
        if self.observer:
            await self.observer.on_messages(fresh)

    async def post(self, text, wait_ms=25_000):
        """Posts a message and waits for new ones: one call per turn."""
        return await self.call("post_message", channel_id=self.channel_id, body=text,
                               cursor=self.cursor, wait_ms=wait_ms, include_own=True)

    async def sync(self, timeout_ms=45_000):
        """Waits for new messages."""
        return await self.call("sync_messages", channel_id=self.channel_id,
                               cursor=self.cursor, timeout_ms=timeout_ms, include_own=True)

    async def read_code(self):
        """Reads the referee's source, which may take several calls."""
        source, offset = "", {}
        while True:
            part = await self.call("get_bot_code", channel_id=self.channel_id, bot_id=self.referee, **offset)
            source += part.get("source") or part.get("inline_code") or ""
            if part.get("next_offset") is None:
                return source
            offset = {"offset": part["next_offset"]}

    async def read_log(self):
        """Reads the channel's log from its first entry, with everything that a verifier needs."""
        log, cursor, more = [], 0, True
        while more:
            page = await self.call("sync_messages", channel_id=self.channel_id, cursor=cursor, timeout_ms=0,
                                   include_trace=True, include_own=True)
            log += [with_body(message) for message in page["messages"]]
            cursor, more = page["cursor"], page.get("has_more", False)
        return log

    def referee_posts(self, kind):
        """Returns the referee's posts of one type, in order. Posts of other senders are left out."""
        sender = f"bot:{self.referee}"
        return [message for message in self.messages
                if message["sender"] == sender and (message["body"] or {}).get("type") == kind]

    async def play(self, choose, remark=lambda number: ""):
        """Plays a game of GuessBot to its end; `choose` returns the next guess."""
        answered = 0
        while not self.referee_posts("game_end"):
            turns = self.referee_posts("bot:turn")
            if turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == self.slot_id:
                number = choose(self)
                answered = turns[-1]["id"]
                await self.post(f"guess {number}. {remark(number)}".strip())
            else:
                await self.sync()


def with_body(message):
    """Returns a message in the log's form, with one `body`. Models get a shorter form, with `text` and `data`."""
    if "body" in message:
        return message
    text = {"text": message["text"]} if "text" in message else {}
    body = None if message.get("deleted") else message.get("data", {}) | text
    # The name of a bot is in its id.
    label = message.get("label") or message["sender"].removeprefix("bot:bot_").rpartition("_")[0] or None
    return {"id": message["id"], "sender": message["sender"], "sender_label": label, "kind": message.get("kind"),
            "body": body, "to_slot": message.get("to_slot")}


@asynccontextmanager
async def over_stdio(name, command, *, env, log, mode="legacy", observer=None):
    """Connects a player whose client launches the stdio server, as Claude Desktop does; its stderr goes to `log`."""
    server = StdioServerParameters(command=command, env=env)
    with open(log, "a") as errors:
        async with connected(name, stdio_client(server, errlog=errors), mode, observer) as player:
            yield player


@asynccontextmanager
async def over_http(name, url, token, *, mode="auto", observer=None):
    """Connects a player whose client talks to the relay over HTTP."""
    # The relay is on loopback: proxies in the environment must not be used.
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False,
                                  timeout=ANSWER_SECONDS) as http:
        async with connected(name, streamable_http_client(url, http_client=http), mode, observer) as player:
            yield player


@asynccontextmanager
async def connected(name, transport, mode, observer):
    """Connects a player over a transport.

    `mode` selects the revision of the protocol: `legacy` (initialize), `auto` (asks the server), or `2026-07-28`.
    """
    info = Implementation(name=f"{name}-client", version="1.0")
    async with Client(transport, mode=mode, client_info=info, read_timeout_seconds=ANSWER_SECONDS) as client:
        yield Player(name, client, observer)
