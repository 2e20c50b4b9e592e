"""A source that is too long for one reply is read in parts, without breaking multi-byte characters."""

import unittest

from personas import local, running_relay

from check import check_code

SOURCE = ("class LongBot:\n    def on_init(self):\n        self.ctx.post('bot', {'text': 'hi'})\n"
          + "# größer als ✓ 漢字\n" * 8000)


class LongSourceTest(unittest.IsolatedAsyncioTestCase):
    async def test_a_long_source_is_read_completely(self):
        async with running_relay() as relay, local(relay) as alice:
            await alice.call("create_channel", name="Long", slots=["bot:it", "invite:alice"],
                             bot_code=SOURCE, join_as="alice")
            first = await alice.call("get_bot_code", channel_id=alice.channel_id, bot_id=alice.referee)
            self.assertLess(first["next_offset"], len(SOURCE.encode()))
            source = await alice.read_code()
            self.assertEqual(source, SOURCE)
            check_code(await alice.read_log(), alice.referee, source)


if __name__ == "__main__":
    unittest.main()
