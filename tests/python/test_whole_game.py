"""A whole game by the official SDK, over stdio and over HTTP, in each era of the protocol."""

import unittest

from personas import local, play_to_the_end, remote, running_relay, seat

from check import check_code, check_game

TOOLS = {"health_check", "create_channel", "join_channel", "leave_channel", "post_message", "dm_bot", "sync_messages",
         "get_channel_info", "get_bot_code", "list_channels", "update_channel", "attach_bot"}


class WholeGameTest(unittest.IsolatedAsyncioTestCase):
    async def play(self, relay, host, guest):
        await seat(host, guest)
        await play_to_the_end(host, guest)
        for player in (host, guest):
            check_code(player.messages, player.referee, await player.read_code())
            proof = check_game(player.messages, player.referee)
            self.assertGreaterEqual(proof.guesses, 1)
        # Nothing was private here: both read the same.
        self.assertEqual(host.messages, guest.messages)
        ids = [message["id"] for message in host.messages]
        self.assertEqual(ids, sorted(set(ids)))

    async def test_stdio_against_http_in_every_era(self):
        async with running_relay() as relay:
            for alice_speaks, bob_speaks in [("2025-11-25", "2026-07-28"), ("2026-07-28", "2025-11-25"),
                                             ("2025-06-18", "2025-06-18")]:
                with self.subTest(alice=alice_speaks, bob=bob_speaks):
                    async with local(relay, era=alice_speaks) as alice, remote(relay, era=bob_speaks) as bob:
                        self.assertEqual(alice.client.protocol_version, alice_speaks)
                        self.assertEqual(bob.client.protocol_version, bob_speaks)
                        await self.play(relay, alice, bob)

    async def test_clients_that_ask_the_server_first_end_up_in_the_newest_era(self):
        async with running_relay() as relay:
            async with local(relay, era="auto") as alice, remote(relay, era="auto") as bob:
                for player in (alice, bob):
                    self.assertEqual(player.client.protocol_version, "2026-07-28")
                await self.play(relay, alice, bob)

    async def test_the_door_for_older_clients_takes_every_era(self):
        async with running_relay() as relay:
            for era in ("2025-06-18", "2025-11-25", "2026-07-28"):
                with self.subTest(era):
                    async with remote(relay, "carol", era, path="/") as carol, remote(relay, "bob", era) as bob:
                        await self.play(relay, carol, bob)

    async def test_tools_prompts_and_guides_are_the_same_at_every_door(self):
        async with running_relay() as relay:
            seen = []
            for era in ("2025-06-18", "2025-11-25", "2026-07-28"):
                async with local(relay, era=era) as alice, remote(relay, era=era) as bob:
                    for client in (alice.client, bob.client):
                        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
                        self.assertEqual(set(tools), TOOLS)
                        prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
                        self.assertEqual(prompts, {"host_game", "join_game"})
                        resources = [str(resource.uri) for resource in (await client.list_resources()).resources]
                        guides = [(await client.read_resource(uri)).contents[0].text for uri in resources]
                        seen.append((tools, resources, guides))
            self.assertTrue(all(each == seen[0] for each in seen))


if __name__ == "__main__":
    unittest.main()
