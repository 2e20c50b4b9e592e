"""An app that the AI SDK wakes: it subscribes to a channel, and its webhook verifies what the relay posts."""

import asyncio
import json
import os
import socket
import sys
import unittest
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "python"))

import paths  # noqa: E402
from personas import remote, running_relay  # noqa: E402
from relay import environment  # noqa: E402

NODE = os.environ["NODE"]
HOME = paths.ROOT / "target" / "interop" / "sdk"
TIMEOUT_SECONDS = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class App:
    """A running `webhook.mjs`, which prints what happens and is told what to do."""

    def __init__(self, process):
        self.process = process
        self.seen = set()

    def tell(self, word):
        self.process.stdin.write(f"{word}\n".encode())

    async def read(self, word):
        """Reads the next line, which must begin with this word; returns the rest."""
        line = (await asyncio.wait_for(self.process.stdout.readline(), TIMEOUT_SECONDS)).decode().strip()
        if not line:
            raise AssertionError((await self.process.stderr.read()).decode())
        found, _, rest = line.partition(" ")
        if found != word:
            raise AssertionError(f"expected {word}, not {line}")
        return json.loads(rest) if rest else None

    async def read_event(self):
        """Reads the next event that is new: one whose acknowledgement crossed a refresh is delivered again."""
        event = await self.read("event")
        if event["eventId"] in self.seen:
            return await self.read_event()
        self.seen.add(event["eventId"])
        return event


@asynccontextmanager
async def running_app(relay, channel_id, token, port):
    # Node looks for packages beside the importing file.
    program = HOME / "webhook.mjs"
    program.write_text((HERE / "webhook.mjs").read_text())
    process = await asyncio.create_subprocess_exec(
        NODE, str(program), relay.url + "/mcp", channel_id, env=environment(TOKEN=token, PORT=str(port)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        yield App(process)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), TIMEOUT_SECONDS)
        except TimeoutError:
            process.kill()
            raise


class WebhookTest(unittest.IsolatedAsyncioTestCase):
    @asynccontextmanager
    async def subscribed(self):
        """Yields the relay, a player, the channel, and the app of another player, which has subscribed."""
        port = free_port()
        async with running_relay(reaching=f"127.0.0.1:{port}") as relay:
            tokens = [await relay.create_token(name) for name in ("alice", "bob")]
            async with remote(relay, "alice", token=tokens[0]) as alice, remote(relay, token=tokens[1]) as bob:
                slots = ["invite:alice", "invite:bob"]
                channel = await alice.call("create_channel", name="A game", slots=slots, join_as="alice")
                await bob.call("join_channel", invite_code=channel["invites"][0])
                async with running_app(relay, channel["channel_id"], tokens[1], port) as app:
                    subscription = await app.read("subscribed")
                    yield relay, alice, channel["channel_id"], app, subscription

    async def test_subscribe_receive_refresh_and_unsubscribe(self):
        async with self.subscribed() as (_, alice, channel_id, app, subscription):
            self.assertFalse(subscription["truncated"])
            await alice.call("post_message", channel_id=channel_id, body="are you there?")
            event = await app.read_event()
            self.assertEqual(event["data"]["text"], "are you there?")
            self.assertEqual(event["subscription"], subscription["id"])

            app.tell("forge")
            self.assertEqual(await app.read("refused"), 401)

            app.tell("fail")
            app.tell("refresh")
            refreshed = await app.read("refreshed")
            self.assertEqual(refreshed["id"], subscription["id"])
            for text in ("once more", "and on"):
                await alice.call("post_message", channel_id=channel_id, body=text)
            self.assertEqual(await app.read("refused"), 503)
            for text in ("once more", "and on"):
                self.assertEqual((await app.read_event())["data"]["text"], text)

            app.tell("unsubscribe")
            await app.read("unsubscribed")

    async def test_a_kick_ends_the_subscription(self):
        async with self.subscribed() as (_, alice, channel_id, app, _):
            await alice.call("update_channel", channel_id=channel_id, ops=[{"type": "kick", "slot_id": "s1"}])
            self.assertEqual((await app.read("event"))["data"]["data"]["type"], "member:kick")
            self.assertEqual((await app.read("terminated"))["error"]["code"], -32024)


if __name__ == "__main__":
    unittest.main()
