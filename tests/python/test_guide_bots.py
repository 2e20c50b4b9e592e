"""The bots in the guides do what the guides say: each is attached as it stands there, and plays."""

import re
import unittest

import paths
from personas import local, running_relay

from check import check_code, code_hash

GUIDES = [*sorted((paths.ROOT / "mcp/src/resources").glob("*.md")), paths.ROOT / "docs/BOTS.md"]

# What to say to a bot (as a post, or as a whisper to it), and the type or field that an answer must have.
EXERCISES = {
    "EchoBot": [("post", "hello", {"echo": "hello", "count": 1}), ("post", "again", {"echo": "again", "count": 2})],
    "CoinBot": [("post", "heads", {"type": "bot:reveal"}), ("post", "tails", {"type": "bot:reveal"})],
    "DiceBot": [("post", "!roll 20", {"type": "roll", "player": "s1"}), ("post", "!help", {"type": "help"})],
    "HandBot": [("dm", "!hand", {"type": "hand"}), ("dm", "what?", {"type": "error"})],
    "ScoreBot": [("post", "!add 3", {"type": "added", "total": 3}), ("post", "!score", {"scores": {"s1": 3}}),
                 ("dm", "!note mine", {"type": "noted"}), ("post", "!note mine", {"type": "error"})],
    "GreetBot": [],
}


def bots_in_guides():
    """Each fenced block of Python that defines a bot: (guide, name, source)."""
    for guide in GUIDES:
        for source in re.findall(r"^```python\n(.*?)^```", guide.read_text(), re.MULTILINE | re.DOTALL):
            found = re.search(r"^class (\w+Bot)\b", source, re.MULTILINE)
            if found:
                yield guide.name, found[1], source


class GuideBotsTest(unittest.IsolatedAsyncioTestCase):
    async def test_every_bot_of_the_guides_runs(self):
        bots = list(bots_in_guides())
        self.assertEqual({name for _, name, _ in bots}, set(EXERCISES))
        async with running_relay() as relay, local(relay) as alice:
            for guide, name, source in bots:
                with self.subTest(guide=guide, bot=name):
                    await self.exercise(alice, name, source)

    async def exercise(self, alice, name, source):
        alice.cursor, alice.messages = 0, []
        created = await alice.call("create_channel", name=name, slots=["bot:it", "invite:alice"],
                                   bot_code=source, join_as="alice")
        self.assertNotIn("bot_errors", created)
        [bot] = created["bots"]
        self.assertEqual(bot["code_hash"], code_hash(source))
        self.assertEqual(check_code(alice.messages, bot["bot_id"], await alice.read_code()), code_hash(source))
        for how, words, expected in EXERCISES[name]:
            seen = len(alice.messages)
            if how == "dm":
                await alice.call("dm_bot", channel_id=alice.channel_id, bot_id=bot["bot_id"], message=words,
                                 cursor=alice.cursor, wait_ms=10_000)
            else:
                await alice.post(words, wait_ms=10_000)
            answers = [message for message in alice.messages[seen:] if message["sender"] == f"bot:{bot['bot_id']}"]
            self.assertTrue(any(message["body"].items() >= expected.items() for message in answers), (words, answers))
            self.assertEqual({message["to_slot"] for message in answers}, {"s1" if how == "dm" else None})
        await alice.sync(timeout_ms=0)
        failed = [message["body"] for message in alice.messages if (message["body"] or {}).get("type") == "bot:error"]
        self.assertEqual(failed, [])


if __name__ == "__main__":
    unittest.main()
