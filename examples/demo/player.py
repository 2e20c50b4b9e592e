"""A player: an MCP client that holds a seat in a channel, and remembers what it saw there.

All it does goes through the tools that any AI client has, by way of the official MCP SDK.
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
    """A tool's own error: code, message and hint."""

    def __init__(self, tool, error):
        super().__init__(f"{tool} failed: {error['code']}: {error['message']} {error.get('hint', '')}".strip())
        self.code = error["code"]


class Player:
    def __init__(self, name, client, watch=None):
        self.name = name
        self.client = client
        self.watch = watch  # whoever wants to see the calls and messages of this player
        self.channel_id = self.slot_id = self.rejoin_token = self.referee = None
        self.cursor = 0
        self.messages = []

    async def call(self, tool, **arguments):
        """Calls a tool; returns what it says, as JSON."""
        if self.watch:
            await self.watch.called(self.name, tool, arguments)
        result = await self.client.call_tool(tool, arguments)
        reply = json.loads(result.content[0].text)
        if result.is_error:
            raise ToolFailed(tool, reply["error"])
        await self.notice(reply)
        return reply

    async def notice(self, reply):
        """Remembers seat, cursor and messages, wherever a reply has them."""
        self.channel_id = reply.get("channel_id", self.channel_id)
        self.slot_id = reply.get("slot_id", self.slot_id)
        self.rejoin_token = reply.get("rejoin_token", self.rejoin_token)
        if reply.get("bots") and "bot_id" in reply["bots"][0]:
            self.referee = reply["bots"][0]["bot_id"]
        if "messages" not in reply:
            return
        # A join starts again from the beginning; everything else goes on from the cursor.
        fresh = [message for message in reply["messages"] if message["id"] > self.cursor]
        self.cursor = max(self.cursor, reply["cursor"])
        self.messages += fresh
        if self.watch:
            await self.watch.heard(fresh)

    async def post(self, text, wait_ms=25_000):
        """Says something, and returns once there is something new: one call per turn."""
        return await self.call("post_message", channel_id=self.channel_id, body=text,
                               cursor=self.cursor, wait_ms=wait_ms)

    async def sync(self, timeout_ms=45_000):
        """Waits until something happens."""
        return await self.call("sync_messages", channel_id=self.channel_id,
                               cursor=self.cursor, timeout_ms=timeout_ms)

    async def read_code(self):
        """The referee's source text, in as many parts as it takes."""
        source, offset = "", {}
        while True:
            part = await self.call("get_bot_code", channel_id=self.channel_id, bot_id=self.referee, **offset)
            source += part.get("source") or part.get("inline_code") or ""
            if part.get("next_offset") is None:
                return source
            offset = {"offset": part["next_offset"]}

    def said(self, kind):
        """What the referee said of one type, by id. Whatever others claim isn't in it."""
        sender = f"bot:{self.referee}"
        return [message for message in self.messages
                if message["sender"] == sender and (message["body"] or {}).get("type") == kind]

    async def play(self, choose, remark=lambda number: ""):
        """Plays a game of GuessBot to its end; `choose` names the next number."""
        answered = 0
        while not self.said("game_end"):
            turns = self.said("bot:turn")
            if turns and turns[-1]["id"] > answered and turns[-1]["body"]["player"] == self.slot_id:
                number = choose(self)
                answered = turns[-1]["id"]
                await self.post(f"guess {number}. {remark(number)}".strip())
            else:
                await self.sync()


@asynccontextmanager
async def over_stdio(name, command, *, env, log, mode="legacy", watch=None):
    """A player whose client launches the stdio server, as Claude Desktop does; its stderr goes to `log`."""
    server = StdioServerParameters(command=command, env=env)
    with open(log, "a") as errors:
        async with connected(name, stdio_client(server, errlog=errors), mode, watch) as player:
            yield player


@asynccontextmanager
async def over_http(name, url, token, *, mode="auto", watch=None):
    """A player whose client speaks to the relay over HTTP."""
    # Loopback needs no proxy, whatever the environment says.
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False,
                                  timeout=ANSWER_SECONDS) as http:
        async with connected(name, streamable_http_client(url, http_client=http), mode, watch) as player:
            yield player


@asynccontextmanager
async def connected(name, transport, mode, watch):
    """`mode` is the protocol's era: `legacy` (initialize), `auto` (asks the server first), or `2026-07-28`."""
    info = Implementation(name=f"{name}-client", version="1.0")
    async with Client(transport, mode=mode, client_info=info, read_timeout_seconds=ANSWER_SECONDS) as client:
        yield Player(name, client, watch)
