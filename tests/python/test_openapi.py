"""Replies of the REST API match `/openapi.json`: every operation is called, and some are refused."""

import json
import unittest
import urllib.error
import urllib.parse
import urllib.request

import jsonschema
import paths  # noqa: F401
from personas import running_relay

SOURCE = """
class EchoBot:
    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'bot', {'text': 'received'})
"""

# Offers a turn on a board as soon as it is attached.
BOARD = """
class BoardBot:
    def on_init(self):
        board = {"kind": "table", "columns": ["a", "b"], "rows": [["1", "2"]]}
        self.ctx.post("bot", {"board": board, "turn": ["s1"], "turn_id": 1, "actions": ["a", "b"], "private": True,
                              "deadline": "2030-01-01T00:00:00.000Z", "clocks": {"s1": 1000}, "text": "a or b?"})
"""


class OpenApiTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.relay = await self.enterAsyncContext(running_relay())
        _, self.document = self.fetch("GET", "/openapi.json")
        self.seen = set()

    def fetch(self, method, path, body=None, token=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        payload = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.relay.url + path, payload, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response, json.load(response)
        except urllib.error.HTTPError as response:
            with response:
                return response, json.load(response)

    def call(self, path, arguments, method="POST", status=200):
        """Validates a request against its schema, sends it, and validates the reply."""
        operation = self.document["paths"][path][method.lower()]
        if method == "POST":
            self.validate(arguments, operation["requestBody"]["content"]["application/json"]["schema"])
            response, reply = self.fetch("POST", path, arguments, self.relay.local_token)
        else:
            schemas = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"]}
            for name, value in arguments.items():
                self.validate(value, schemas[name])
            response, reply = self.fetch("GET", f"{path}?{urllib.parse.urlencode(arguments)}", token=self.relay.local_token)
        self.assertEqual(response.status, status, reply)
        content = operation["responses"][str(status)]["content"]
        self.validate(reply, content[response.headers["Content-Type"]]["schema"])
        if status == 200:
            self.seen.add((method, path))
        return reply

    def validate(self, value, schema):
        jsonschema.validate(value, schema | {"components": self.document["components"]}, jsonschema.Draft202012Validator)

    async def test_every_reply_matches_its_schema(self):
        created = self.call("/create_channel", {"name": "Game", "slots": ["bot:it", "invite:alice", "invite:bob", "invite:carol"],
                                               "bot_preset": "GuessBot", "join_as": "alice", "bots_change": "owner"})
        self.call("/create_channel", {"name": "Broken", "slots": ["bot:it"], "bot_code": "import os"})
        channel = {"channel_id": created["channel_id"]}
        self.call("/join_channel", {"invite_code": created["invites"][0], "entropy": "of my own"})
        attached = self.call("/attach_bot", channel | {"name": "Echo", "inline_code": SOURCE, "slot_id": "s1"})
        bot = channel | {"bot_id": attached["bot_id"]}
        self.call("/post_message", channel | {"body": "guess 50", "slot_id": "s1", "data": {"n": [1, 0.5, None]}})
        self.call("/post_message", channel | {"body": "hm", "slot_id": "s1", "wait_ms": 0, "cursor": 0})
        self.call("/dm_bot", bot | {"message": "hello", "slot_id": "s1", "wait_ms": 5_000, "cursor": 0})
        game = self.call("/create_channel", {"name": "Board", "slots": ["bot:it", "invite:alice"], "bot_code": BOARD, "join_as": "alice"})
        for method in ("GET", "POST"):
            self.call("/get_board", {"channel_id": game["channel_id"]}, method)
            self.call("/get_board", channel | {"slot_id": "s1"}, method, status=400)
            whole_log = channel | {"cursor": 0, "timeout_ms": 0, "slot_id": "s1"}
            self.call("/sync_messages", whole_log, method)
            for path in ("/who", "/get_channel_info"):
                self.call(path, channel, method)
            self.call("/get_bot_code", bot, method)
            self.call("/get_proof", channel | {"id": 1}, method)
            self.call("/get_proof", channel | {"from": 1, "to": 2}, method)
            self.call("/read_log", channel | {"after": 0}, method)
            self.call("/get_bot_code", channel | {"bot_id": created["bots"][0]["bot_id"]}, method)
            for path in ("/list_channels", "/health_check"):
                self.call(path, {}, method)
        self.call("/sync_messages", channel | {"timeout_ms": 0, "slot_id": "s1", "include_trace": True, "limit": 500})
        self.call("/update_channel", channel | {"slot_id": "s1", "ops": [
            {"type": "rename", "name": "Finals"}, {"type": "kick", "slot_id": "s2"}, {"type": "new_invite", "slot_id": "s2"}]})
        self.call("/get_bot_code", channel | {"bot_id": "bot_Nobody_7"}, status=404)
        self.call("/join_channel", {"invite_code": "inv_nonsense"}, status=404)
        self.call("/who", {"channel_id": "chn_0123456789abcdef"}, "GET", status=403)
        self.call("/update_channel", channel | {"slot_id": "s1", "ops": [{"type": "close_slot", "slot_id": "s1"}]}, status=422)
        self.call("/get_receipt", channel | {"slot_id": "s1"})
        self.call("/leave_channel", channel | {"slot_id": "s1"})
        created = self.call("/create_channel", {"name": "Talk", "slots": ["invite:alice"], "join_as": "alice"})
        talk = {"channel_id": created["channel_id"]}
        posted = self.call("/post_message", talk | {"body": "regrettable"})
        self.call("/update_channel", talk | {"ops": [{"type": "close"}]})
        self.call("/delete_entries", talk | {"ids": [posted["msg_id"]]})
        described = {(method.upper(), path) for path, methods in self.document["paths"].items() for method in methods}
        # A receipt is a file, not JSON.
        self.assertEqual(self.seen, described - {("GET", "/receipt")})


if __name__ == "__main__":
    unittest.main()
