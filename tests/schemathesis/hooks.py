"""Has schemathesis talk about channels that exist: an id that it made up, and that looks like one, becomes that of a
channel in which the caller holds a seat. What it mutated elsewhere stays as it is.
"""

import json
import os
import re
import urllib.request

import schemathesis

CHANNEL_ID = re.compile(r"chn_[0-9a-hjkmnp-tv-z]{16}")
BOT_ID = re.compile(r"bot_[0-9A-Za-z_-]{1,48}")
# After these, the caller may have no seat any more, or the channel be closed.
ENDING = ("/leave_channel", "/update_channel")


class Table:
    """A channel with a referee, and the caller in a seat; a new one when the last was brought to an end."""

    def __init__(self):
        self.channel_id = self.bot_id = None
        self.known = set()  # ids that came from the relay

    def sit_down(self):
        arguments = {"name": "Guess Game", "slots": ["bot:referee", "invite:alice", "invite:bob"], "bot_preset": "GuessBot",
                     "mutable": True, "join_as": "alice"}
        request = urllib.request.Request(
            os.environ["MCP_BASE_URL"] + "/create_channel", json.dumps(arguments).encode(),
            {"Authorization": f"Bearer {os.environ['MCP_TOKEN']}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            created = json.load(response)
        self.channel_id, self.bot_id = created["channel_id"], created["bots"][0]["bot_id"]

    def take(self, arguments):
        if not isinstance(arguments, dict):
            return
        channel_id, bot_id = arguments.get("channel_id"), arguments.get("bot_id")
        if not isinstance(channel_id, str) or not CHANNEL_ID.fullmatch(channel_id) or channel_id in self.known:
            return
        if self.channel_id is None:
            self.sit_down()
        arguments["channel_id"] = self.channel_id
        if isinstance(bot_id, str) and BOT_ID.fullmatch(bot_id):
            arguments["bot_id"] = self.bot_id


table = Table()


@schemathesis.hook
def before_call(context, case, kwargs):
    table.take(case.body)
    table.take(case.query)


@schemathesis.hook
def after_call(context, case, response):
    # Other methods are tried, too; a preflight (OPTIONS) is answered, and does nothing.
    if response.request.method != "POST":
        return
    if response.status_code == 200 and case.operation.path in ENDING:
        table.channel_id = None
    if response.status_code == 200 and case.operation.path in ("/create_channel", "/join_channel"):
        table.known.add(json.loads(response.content)["channel_id"])
