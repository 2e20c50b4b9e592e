"""The MCP SDK's own OAuth client gets in by itself, stays in, and comes back."""

import asyncio
import unittest
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import httpx2
from browser import Browser
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from personas import play_to_the_end, running_relay, seat, speaking
from player import ANSWER_SECONDS, connected

CALLBACK = "http://localhost:33418/callback"
PATIENCE = 30


class Storage:
    """Where an app keeps what it must not lose; outlives its sessions."""

    def __init__(self):
        self.tokens = self.client_info = None
        self.renewed = 0

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens
        self.renewed += 1

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info):
        self.client_info = client_info


class App:
    """An AI app on somebody's computer, with the browser of whoever sits there."""

    def __init__(self, name, url, **typed):
        self.name, self.url, self.typed = name, url, typed
        self.storage, self.browser = Storage(), Browser()
        self.logins = 0
        self._arrived = None

    @asynccontextmanager
    async def session(self, era="2026-07-28"):
        """A session of its own, as apps open one for every conversation or even every call."""
        metadata = OAuthClientMetadata(client_name=f"{self.name}'s app", redirect_uris=[CALLBACK],
                                       grant_types=["authorization_code", "refresh_token"])
        self.auth = OAuthClientProvider(self.url, metadata, self.storage, self._login, self._callback)
        async with httpx2.AsyncClient(auth=self.auth, trust_env=False, timeout=ANSWER_SECONDS) as http:
            async with speaking(era) as mode:
                async with connected(self.name, streamable_http_client(self.url, http_client=http), mode, None) as player:
                    yield player

    async def _login(self, url):
        self.logins += 1
        self._arrived = await asyncio.to_thread(self.browser.allow, url, **self.typed)

    async def _callback(self):
        assert self._arrived.startswith(CALLBACK + "?"), self._arrived
        query = {name: values[0] for name, values in parse_qs(urlsplit(self._arrived).query).items()}
        assert query["iss"] == self.url.removesuffix("/mcp").rstrip("/"), query
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query["iss"])


class OAuthClientsTest(unittest.IsolatedAsyncioTestCase):
    async def test_two_apps_play_a_game_in_either_era(self):
        async with running_relay() as relay:
            alice, bob = App("alice", relay.url + "/mcp"), App("bob", relay.url + "/")
            async with alice.session("2026-07-28") as host, bob.session("2025-11-25") as guest:
                await seat(host, guest)
                await play_to_the_end(host, guest)
                self.assertTrue(host.said("game_end"))
                self.assertEqual(host.said("game_end"), guest.said("game_end"))
            self.assertEqual((alice.logins, bob.logins), (1, 1))
            self.assertEqual((alice.browser.clicks, bob.browser.clicks), (1, 1))

    async def test_a_person_comes_back_as_the_same_principal(self):
        async with running_relay() as relay:
            laptop = App("alice", relay.url + "/mcp")
            async with laptop.session() as player:
                created = await player.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="alice")
            other = App("alice", relay.url + "/mcp")
            other.browser = laptop.browser
            async with other.session() as player:
                self.assertEqual((await player.call("list_channels"))["channels"][0]["channel_id"], created["channel_id"])
            stranger = App("bob", relay.url + "/mcp")
            async with stranger.session() as player:
                self.assertEqual((await player.call("list_channels"))["channels"], [])

    async def test_an_expired_token_is_renewed_without_a_person(self):
        async with running_relay(settings={"MCP_MULTIPLAYER_ACCESS_TOKEN_SECONDS": "1"}) as relay:
            app = App("alice", relay.url + "/mcp")
            async with app.session() as player, asyncio.timeout(PATIENCE):
                await player.call("health_check")
                first = app.storage.tokens.access_token
                # This client renews what has ended by its own clock; it asks the person again about what is refused.
                while app.auth.context.is_token_valid():
                    await asyncio.sleep(0)
                await player.call("health_check")
                self.assertNotEqual(app.storage.tokens.access_token, first)
                await player.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="alice")
            self.assertEqual(app.logins, 1)

    async def test_an_app_is_still_known_after_the_relay_was_restarted(self):
        async with running_relay() as relay:
            app = App("alice", relay.url + "/mcp")
            async with app.session() as player:
                created = await player.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="alice")
            await relay.stop()
            await relay.start()
            async with app.session() as player:
                view = await player.call("get_channel_info", channel_id=created["channel_id"])
                self.assertEqual(view["view"]["name"], "Mine")
            self.assertEqual(app.logins, 1)

    async def test_an_access_code_lets_its_holder_in_and_nobody_else(self):
        async with running_relay(settings={"MCP_MULTIPLAYER_ACCESS": "invite"}) as relay:
            code = await relay.administer("access-code", "create", "--name", "alice")
            app = App("alice", relay.url + "/mcp", access_code=code)
            async with app.session() as player:
                await player.call("health_check")
            self.assertEqual(app.browser.clicks, 1)
            stranger = App("bob", relay.url + "/mcp", access_code="mmp_" + "0" * 48)
            with self.assertRaises(BaseExceptionGroup):
                async with stranger.session() as player:
                    await player.call("health_check")
            self.assertIsNone(stranger.storage.tokens)


if __name__ == "__main__":
    unittest.main()
