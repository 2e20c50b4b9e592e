"""The MCP SDK's OAuth client logs in, renews its tokens, and reconnects."""

import asyncio
import unittest
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import httpx2
from browser import Browser
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from personas import play_to_the_end, protocol_mode, running_relay, start_guessing_game
from player import ANSWER_SECONDS, connected

CALLBACK = "http://localhost:33418/callback"
TIMEOUT_SECONDS = 30


class Storage:
    """The token storage of an app, which outlives its sessions."""

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
    """An AI app on a person's computer, with that person's browser."""

    def __init__(self, name, url, **typed):
        self.name, self.url, self.typed = name, url, typed
        self.storage, self.browser = Storage(), Browser()
        self.logins = 0
        self._callback_url = None

    @asynccontextmanager
    async def session(self, revision="2026-07-28"):
        """Opens a new session, as apps do for every conversation or even every call."""
        metadata = OAuthClientMetadata(client_name=f"{self.name}'s app", redirect_uris=[CALLBACK],
                                       grant_types=["authorization_code", "refresh_token"])
        self.auth = OAuthClientProvider(self.url, metadata, self.storage, self._login, self._callback)
        async with httpx2.AsyncClient(auth=self.auth, trust_env=False, timeout=ANSWER_SECONDS) as http:
            async with protocol_mode(revision) as mode:
                async with connected(self.name, streamable_http_client(self.url, http_client=http), mode, None) as player:
                    yield player

    async def _login(self, url):
        self.logins += 1
        self._callback_url = await asyncio.to_thread(self.browser.allow, url, **self.typed)

    async def _callback(self):
        assert self._callback_url.startswith(CALLBACK + "?"), self._callback_url
        query = {name: values[0] for name, values in parse_qs(urlsplit(self._callback_url).query).items()}
        assert query["iss"] == self.url.removesuffix("/mcp").rstrip("/"), query
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query["iss"])


class OAuthClientsTest(unittest.IsolatedAsyncioTestCase):
    async def test_two_apps_play_a_game_in_different_protocol_revisions(self):
        async with running_relay() as relay:
            alice, bob = App("alice", relay.url + "/mcp"), App("bob", relay.url + "/")
            async with alice.session("2026-07-28") as host, bob.session("2025-11-25") as guest:
                await start_guessing_game(host, guest)
                await play_to_the_end(host, guest)
                self.assertTrue(host.referee_posts("game_end"))
                # The guest's endpoint returns messages with all of their fields.
                host_end, guest_end = ([post["body"] for post in player.referee_posts("game_end")] for player in (host, guest))
                self.assertEqual(host_end, guest_end)
            self.assertEqual((alice.logins, bob.logins), (1, 1))
            self.assertEqual((alice.browser.clicks, bob.browser.clicks), (1, 1))

    async def test_a_person_is_the_same_principal_in_another_app(self):
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
            async with app.session() as player, asyncio.timeout(TIMEOUT_SECONDS):
                await player.call("health_check")
                first = app.storage.tokens.access_token
                # The SDK renews a token that has expired by its own clock, but starts a new login when a token is refused. So
                # this waits until the SDK considers the token expired.
                while app.auth.context.is_token_valid():
                    await asyncio.sleep(0)
                await player.call("health_check")
                self.assertNotEqual(app.storage.tokens.access_token, first)
                await player.call("create_channel", name="Mine", slots=["invite:alice", "invite:bob"], join_as="alice")
            self.assertEqual(app.logins, 1)

    async def test_an_app_stays_logged_in_over_a_restart_of_the_relay(self):
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

    async def test_only_the_holder_of_an_access_code_can_log_in(self):
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
