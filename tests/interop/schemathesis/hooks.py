"""Makes schemathesis use channels that exist.

A generated channel id that is well-formed is replaced by the id of a channel in which the caller has a seat, and a bot
id by the id of that channel's referee. All other generated data is sent as it is.
"""

import json
import os
import re
import urllib.request

import schemathesis

CHANNEL_ID = re.compile(r"chn_[0-9a-hjkmnp-tv-z]{16}")
BOT_ID = re.compile(r"bot_[0-9A-Za-z_-]{1,48}")
# Operations after which the caller may have lost the seat, or the channel may be closed.
ENDING = ("/leave_channel", "/update_channel")


class TestChannel:
    """A channel with a referee and a seat of the caller's; it is replaced when an operation may have ended it."""

    def __init__(self):
        self.channel_id = self.bot_id = None
        self.relay_ids = set()  # channel ids that the relay returned, which stay as they are

    def create(self):
        arguments = {"name": "Guess Game", "slots": ["bot:referee", "invite:alice", "invite:bob"], "bot_preset": "GuessBot",
                     "bots_change": "owner", "join_as": "alice"}
        request = urllib.request.Request(
            os.environ["MCP_BASE_URL"] + "/create_channel", json.dumps(arguments).encode(),
            {"Authorization": f"Bearer {os.environ['MCP_TOKEN']}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            created = json.load(response)
        self.channel_id, self.bot_id = created["channel_id"], created["bots"][0]["bot_id"]

    def replace_ids(self, arguments):
        if not isinstance(arguments, dict):
            return
        channel_id, bot_id = arguments.get("channel_id"), arguments.get("bot_id")
        if not isinstance(channel_id, str) or not CHANNEL_ID.fullmatch(channel_id) or channel_id in self.relay_ids:
            return
        if self.channel_id is None:
            self.create()
        arguments["channel_id"] = self.channel_id
        if isinstance(bot_id, str) and BOT_ID.fullmatch(bot_id):
            arguments["bot_id"] = self.bot_id


channel = TestChannel()


@schemathesis.hook
def before_call(context, case, kwargs):
    channel.replace_ids(case.body)
    channel.replace_ids(case.query)


@schemathesis.hook
def after_call(context, case, response):
    # Schemathesis also tries other methods. A CORS preflight (OPTIONS) succeeds, but performs no operation.
    if response.request.method != "POST":
        return
    if response.status_code == 200 and case.operation.path in ENDING:
        channel.channel_id = None
    if response.status_code == 200 and case.operation.path in ("/create_channel", "/join_channel"):
        channel.relay_ids.add(json.loads(response.content)["channel_id"])
