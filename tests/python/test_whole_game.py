"""The official SDK plays whole games, over stdio and HTTP, in each protocol revision."""

import unittest

from personas import local, play_to_the_end, remote, running_relay, start_guessing_game

from check import check_code, check_game

TOOLS = {"health_check", "create_channel", "join_channel", "leave_channel", "post_message", "dm_bot", "sync_messages",
         "get_channel_info", "get_bot_code", "list_channels", "update_channel", "attach_bot", "get_receipt"}


class WholeGameTest(unittest.IsolatedAsyncioTestCase):
    def said(self, player):
        """Returns what players and the bot said. The relay's own messages are whole only at the endpoint `/`."""
        return [(message["id"], message["sender"], message["body"]) for message in player.messages
                if message["sender"] != "system"]

    async def play(self, relay, host, guest):
        await start_guessing_game(host, guest)
        await play_to_the_end(host, guest)
        for player in (host, guest):
            check_code(await player.read_log(), player.referee, await player.read_code())
            proof = check_game(player.messages, player.referee)
            self.assertGreaterEqual(proof.guesses, 1)
        # There were no private messages, so both received the same log.
        self.assertEqual(self.said(host), self.said(guest))
        ids = [message["id"] for message in host.messages]
        self.assertEqual(ids, sorted(set(ids)))

    async def test_stdio_against_http_in_every_revision(self):
        async with running_relay() as relay:
            for alice_revision, bob_revision in [("2025-11-25", "2026-07-28"), ("2026-07-28", "2025-11-25"),
                                             ("2025-06-18", "2025-06-18")]:
                with self.subTest(alice=alice_revision, bob=bob_revision):
                    async with local(relay, revision=alice_revision) as alice, remote(relay, revision=bob_revision) as bob:
                        self.assertEqual(alice.client.protocol_version, alice_revision)
                        self.assertEqual(bob.client.protocol_version, bob_revision)
                        await self.play(relay, alice, bob)

    async def test_clients_that_negotiate_get_the_newest_revision(self):
        async with running_relay() as relay:
            async with local(relay, revision="auto") as alice, remote(relay, revision="auto") as bob:
                for player in (alice, bob):
                    self.assertEqual(player.client.protocol_version, "2026-07-28")
                await self.play(relay, alice, bob)

    async def test_the_endpoint_for_older_clients_accepts_every_revision(self):
        async with running_relay() as relay:
            for revision in ("2025-06-18", "2025-11-25", "2026-07-28"):
                with self.subTest(revision):
                    async with remote(relay, "carol", revision, path="/") as carol, remote(relay, "bob", revision) as bob:
                        await self.play(relay, carol, bob)

    async def test_tools_prompts_and_guides_are_the_same_on_every_transport(self):
        async with running_relay() as relay:
            seen = []
            for revision in ("2025-06-18", "2025-11-25", "2026-07-28"):
                async with local(relay, revision=revision) as alice, remote(relay, revision=revision) as bob:
                    for client in (alice.client, bob.client):
                        # The stdio server adds two arguments to each request by itself, so its tools do not list them.
                        tools = {tool.name: set(tool.input_schema.get("properties", {})) - {"idempotency_key", "entropy"}
                                 for tool in (await client.list_tools()).tools}
                        self.assertEqual(set(tools), TOOLS)
                        prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
                        self.assertEqual(prompts, {"host_game", "join_game"})
                        resources = [str(resource.uri) for resource in (await client.list_resources()).resources]
                        guides = [(await client.read_resource(uri)).contents[0].text for uri in resources]
                        seen.append((tools, resources, guides))
            self.assertTrue(all(each == seen[0] for each in seen))


if __name__ == "__main__":
    unittest.main()
