"""What must not work against the relay's remote doors, and that nothing of it harms whoever is in the right."""

import asyncio
import base64
import hashlib
import http.client
import json
import unittest
from urllib.parse import parse_qs, urlencode, urlsplit

from browser import Browser, Form, Page
from personas import running_relay

CALLBACK = "http://127.0.0.1:33418/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Outsider:
    """Somebody with an HTTP client and bad intentions."""

    def __init__(self, relay):
        self.address, self.url = relay.address, relay.url

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, dict((name.lower(), value) for name, value in reply.getheaders()), reply.read().decode()
        finally:
            connection.close()

    def register(self, *redirect_uris, **more):
        metadata = {"client_name": "an app", "redirect_uris": redirect_uris or [CALLBACK],
                    "token_endpoint_auth_method": "none"} | more
        status, _, text = self.ask("POST", "/register", json.dumps(metadata), {"Content-Type": "application/json"})
        return json.loads(text) | {"status": status}

    def link(self, client_id, without=(), **more):
        query = {"response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "state": "the state",
                 "code_challenge": CHALLENGE, "code_challenge_method": "S256", "resource": self.url + "/mcp",
                 "scope": "multiplayer offline_access"} | more
        return f"{self.url}/oauth/authorize?{urlencode({name: query[name] for name in query if name not in without})}"

    def token(self, **form):
        status, headers, text = self.ask("POST", "/oauth/token", urlencode(form),
                                         {"Content-Type": "application/x-www-form-urlencoded"})
        assert headers["cache-control"] == "no-store", headers
        return json.loads(text) | {"status": status}

    def redeem(self, client_id, code, **more):
        return self.token(**{"grant_type": "authorization_code", "client_id": client_id, "code": code,
                             "redirect_uri": CALLBACK, "code_verifier": VERIFIER} | more)

    def refresh(self, client_id, token, **more):
        return self.token(grant_type="refresh_token", client_id=client_id, refresh_token=token, **more)

    def call(self, token, tool, **arguments):
        """A tool called over HTTP: the status, and what it says."""
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        status, _, text = self.ask("POST", "/mcp", json.dumps(call), {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {token}"})
        return status, json.loads(json.loads(text)["result"]["content"][0]["text"]) if status == 200 else text


def arrived(url):
    """The query of the address that a browser was sent to."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


class AttackTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.relay = await self.enterAsyncContext(running_relay())
        self.outsider = Outsider(self.relay)
        self.client_id = self.outsider.register()["client_id"]
        self.browser = Browser()

    def code(self, **more):
        query = arrived(self.browser.allow(self.outsider.link(self.client_id, **more)))
        self.assertEqual((query["state"], query["iss"]), ("the state", self.relay.url))
        return query["code"]

    def refused(self, **more):
        """An error that goes back to the app, with all that it needs to know whose it is (RFC 9207)."""
        query = arrived(self.browser.visit(self.outsider.link(self.client_id, **more)))
        self.assertNotIn("code", query)
        self.assertEqual((query["state"], query["iss"]), ("the state", self.relay.url))
        return query["error"]

    async def test_pkce_is_not_to_be_done_without(self):
        self.assertEqual(self.refused(without=["code_challenge", "code_challenge_method"]), "invalid_request")
        self.assertEqual(self.refused(code_challenge_method="plain"), "invalid_request")
        self.assertEqual(self.refused(without=["code_challenge_method"]), "invalid_request")
        self.assertEqual(self.refused(code_challenge="short"), "invalid_request")
        code = self.code()
        for verifier in ["w" * 43, "", CHALLENGE, VERIFIER + "v"]:
            reply = self.outsider.redeem(self.client_id, code, code_verifier=verifier)
            self.assertIn(reply["error"], ("invalid_grant", "invalid_request"))
        # All of that has not cost the rightful client its code.
        self.assertEqual(self.outsider.redeem(self.client_id, code)["status"], 200)

    async def test_a_code_is_for_one_client_once(self):
        code = self.code()
        other = self.outsider.register()["client_id"]
        self.assertEqual(self.outsider.redeem(other, code)["error"], "invalid_grant")
        self.assertEqual(self.outsider.redeem(self.client_id, code, redirect_uri=CALLBACK + "/")["error"], "invalid_grant")
        self.assertEqual(self.outsider.redeem(self.client_id, code, resource="https://relay.example.org/mcp")["error"], "invalid_target")
        tokens = self.outsider.redeem(self.client_id, code)
        self.assertEqual(self.outsider.call(tokens["access_token"], "list_channels")[0], 200)
        self.assertEqual(self.outsider.redeem(self.client_id, code)["error"], "invalid_grant")
        # Somebody else had it: what it was redeemed for is worth nothing now.
        self.assertEqual(self.outsider.refresh(self.client_id, tokens["refresh_token"])["error"], "invalid_grant")

    async def test_codes_go_nowhere_but_where_the_client_said(self):
        there = "https://app.example.org/callback"
        client_id = self.outsider.register(there)["client_id"]
        for look_alike in [there + "/", there + "?a=b", there + "/../evil", "https://app.example.org:444/callback",
                           "https://app.example.org.evil.example/callback", "https://APP.example.org/callback/",
                           "https://app.example.org@evil.example/callback", "http://app.example.org/callback",
                           "https://evil.example/?https://app.example.org/callback", there + "#f", there + "%2e", "javascript:alert(1)"]:
            with self.subTest(look_alike), self.assertRaises(Page) as page:
                self.browser.visit(self.outsider.link(client_id, redirect_uri=look_alike))
            self.assertEqual(page.exception.status, 400)
            self.assertNotIn("<form", page.exception.text)

    async def test_no_client_may_have_a_browser_run_something(self):
        for uri in ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x", "JavaScript:alert(1)",
                    "http://app.example.org/callback", "https://user@app.example.org/", "https://app.example.org/#f", "", "/callback"]:
            with self.subTest(uri):
                reply = self.outsider.register(uri)
                self.assertEqual((reply["status"], reply["error"]), (400, "invalid_redirect_uri"))

    async def test_tokens_are_for_this_relay_alone(self):
        self.assertEqual(self.refused(resource="https://relay.example.org/mcp"), "invalid_target")
        tokens = self.outsider.redeem(self.client_id, self.code())
        await self.relay.stop()
        self.relay.settings["MCP_MULTIPLAYER_PUBLIC_URL"] = "https://relay.example.org"
        await self.relay.start()
        self.assertEqual(self.outsider.call(tokens["access_token"], "list_channels")[0], 401)

    async def test_scopes_do_not_grow(self):
        tokens = self.outsider.redeem(self.client_id, self.code(scope="multiplayer offline_access"))
        grown = self.outsider.refresh(self.client_id, tokens["refresh_token"], scope="multiplayer offline_access admin")
        self.assertEqual(grown["error"], "invalid_scope")
        self.assertEqual(self.outsider.refresh(self.client_id, tokens["refresh_token"])["status"], 200)

    async def test_a_refresh_token_is_its_clients(self):
        tokens = self.outsider.redeem(self.client_id, self.code())
        other = self.outsider.register()["client_id"]
        self.assertEqual(self.outsider.refresh(other, tokens["refresh_token"])["error"], "invalid_grant")
        # Two windows of one app, refreshing at the same moment, both go on.
        first, second = (self.outsider.refresh(self.client_id, tokens["refresh_token"]) for _ in range(2))
        for renewed in (first, second):
            self.assertEqual(self.outsider.call(renewed["access_token"], "list_channels")[0], 200)
        self.assertNotIn(tokens["refresh_token"], (first["refresh_token"], second["refresh_token"]))

    async def test_nobody_can_press_the_button_for_somebody_else(self):
        with self.assertRaises(Page) as shown:
            self.browser.visit(self.outsider.link(self.client_id))
        form = Form(shown.exception.text)
        name, value = form.buttons["Allow"]
        answer = urlencode(form.fields | {name: value})
        as_form = {"Content-Type": "application/x-www-form-urlencoded"}
        action = urlsplit(form.action).path
        # From another site, and with another's browser, or none.
        status, headers, _ = self.outsider.ask("POST", action, answer, as_form | {"Origin": "https://evil.example"})
        self.assertEqual((status, headers.get("location")), (403, None))
        status, headers, _ = self.outsider.ask("POST", action, answer, as_form | {"Origin": self.relay.url})
        self.assertTrue(400 <= status < 500 and "location" not in headers, status)
        # Nor does a page of another site get it into a frame.
        _, headers, text = self.outsider.ask("GET", self.outsider.link(self.client_id).removeprefix(self.relay.url))
        self.assertIn("frame-ancestors 'none'", headers["content-security-policy"])
        self.assertNotIn("unsafe-inline", headers["content-security-policy"])
        self.assertEqual(headers["x-frame-options"], "DENY")
        self.assertEqual(headers["cache-control"], "no-store")
        self.assertNotIn("<script", text)

    async def test_a_name_is_only_a_name(self):
        name = "<script>alert(1)</script>Claude"
        client_id = self.outsider.register(client_name=name)["client_id"]
        with self.assertRaises(Page) as shown:
            self.browser.visit(self.outsider.link(client_id))
        self.assertNotIn("<script", shown.exception.text)
        self.assertIn("Allow", Form(shown.exception.text).buttons)

    async def test_every_door_says_where_to_get_a_token(self):
        for method, path in [("POST", "/mcp"), ("POST", "/"), ("GET", "/mcp"), ("GET", "/ws"), ("POST", "/create_channel"), ("GET", "/who")]:
            for header in ({}, {"Authorization": "Bearer mma_wrong"}, {"Authorization": "Basic YTpi"}):
                status, headers, _ = self.outsider.ask(method, path, "{}" if method == "POST" else None, header | {"Content-Type": "application/json"})
                with self.subTest(f"{method} {path} {header}"):
                    self.assertEqual(status, 401)
                    challenge = headers["www-authenticate"]
                    self.assertTrue(challenge.startswith("Bearer "), challenge)
                    self.assertIn(f'resource_metadata="{self.relay.url}/.well-known/oauth-protected-resource', challenge)
                    self.assertIn("scope=", challenge)

    async def test_tokens_have_no_place_in_an_address(self):
        token = self.outsider.redeem(self.client_id, self.code())["access_token"]
        status, _, text = self.outsider.ask("POST", f"/mcp?access_token={token}", "{}", {"Content-Type": "application/json"})
        self.assertIn(status, (400, 401))
        self.assertNotIn(token, text)

    async def test_foreign_hosts_and_origins_are_turned_away(self):
        token = self.outsider.redeem(self.client_id, self.code())["access_token"]
        for header in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            for path in ("/mcp", "/", "/create_channel", "/register", "/oauth/authorize"):
                status, _, _ = self.outsider.ask("POST", path, "{}", header | {
                    "Authorization": f"Bearer {token}", "Content-Type": "application/json"})
                with self.subTest(f"{header} {path}"):
                    self.assertEqual(status, 403)

    async def test_what_is_somebody_elses_stays_so(self):
        alice = self.outsider.redeem(self.client_id, self.code())["access_token"]
        self.browser = Browser()
        bob = self.outsider.redeem(self.client_id, self.code())["access_token"]
        _, mine = self.outsider.call(alice, "create_channel", name="Mine", slots=["invite:a"], join_as="a", idempotency_key="k")
        channel = mine["channel_id"]
        for tool, arguments in {"sync_messages": {"cursor": mine["cursor"]}, "get_channel_info": {}, "leave_channel": {"idempotency_key": "k"},
                                "post_message": {"body": "hi", "idempotency_key": "k"}, "update_channel": {"ops": [{"type": "close"}]}}.items():
            with self.subTest(tool):
                _, reply = self.outsider.call(bob, tool, channel_id=channel, **arguments)
                self.assertEqual(reply["error"]["code"], "NOT_MEMBER")
        _, theirs = self.outsider.call(bob, "create_channel", name="Mine", slots=["invite:a"], join_as="a", idempotency_key="k")
        self.assertNotEqual(theirs["channel_id"], channel)

    async def test_a_registration_gets_nobody_in(self):
        for name in ("Claude", "ChatGPT"):
            registered = self.outsider.register(client_name=name, redirect_uris=["https://evil.example/callback"])
            self.assertNotIn("access_token", registered)
            self.assertIn("Allow", self.shown(registered["client_id"], "https://evil.example/callback").buttons)

    def shown(self, client_id, redirect_uri):
        with self.assertRaises(Page) as page:
            self.browser.visit(self.outsider.link(client_id, redirect_uri=redirect_uri))
        return Form(page.exception.text)

    async def test_a_revoked_grant_ends_at_once(self):
        tokens = self.outsider.redeem(self.client_id, self.code())
        status, _, _ = self.outsider.ask("POST", "/oauth/revoke", urlencode({"token": tokens["refresh_token"], "client_id": self.client_id}),
                                         {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(status, 200)
        self.assertEqual(self.outsider.refresh(self.client_id, tokens["refresh_token"])["error"], "invalid_grant")
        async with asyncio.timeout(10):
            while self.outsider.call(tokens["access_token"], "list_channels")[0] != 401:
                pass


if __name__ == "__main__":
    unittest.main()
