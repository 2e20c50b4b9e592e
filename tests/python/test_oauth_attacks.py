"""Attacks on OAuth and the HTTP endpoints are refused, and do no harm to the legitimate client."""

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


class Attacker:
    """Sends raw HTTP requests, legitimate and forged ones."""

    def __init__(self, relay):
        self.address, self.url = relay.address, relay.url

    def request(self, method, path, body=None, headers=None):
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
        status, _, text = self.request("POST", "/register", json.dumps(metadata), {"Content-Type": "application/json"})
        return json.loads(text) | {"status": status}

    def authorize_url(self, client_id, without=(), **more):
        query = {"response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "state": "the state",
                 "code_challenge": CHALLENGE, "code_challenge_method": "S256", "resource": self.url + "/mcp",
                 "scope": "multiplayer offline_access"} | more
        return f"{self.url}/oauth/authorize?{urlencode({name: query[name] for name in query if name not in without})}"

    def token(self, **form):
        status, headers, text = self.request("POST", "/oauth/token", urlencode(form),
                                             {"Content-Type": "application/x-www-form-urlencoded"})
        assert headers["cache-control"] == "no-store", headers
        return json.loads(text) | {"status": status}

    def redeem(self, client_id, code, **more):
        return self.token(**{"grant_type": "authorization_code", "client_id": client_id, "code": code,
                             "redirect_uri": CALLBACK, "code_verifier": VERIFIER} | more)

    def refresh(self, client_id, token, **more):
        return self.token(grant_type="refresh_token", client_id=client_id, refresh_token=token, **more)

    def call(self, token, tool, **arguments):
        """Calls a tool over HTTP; returns the status and the reply."""
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        status, _, text = self.request("POST", "/mcp", json.dumps(call), {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {token}"})
        return status, json.loads(json.loads(text)["result"]["content"][0]["text"]) if status == 200 else text


def query_of(url):
    """Returns the query parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


class AttackTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.relay = await self.enterAsyncContext(running_relay())
        self.attacker = Attacker(self.relay)
        self.client_id = self.attacker.register()["client_id"]
        self.browser = Browser()

    def authorization_code(self, **more):
        query = query_of(self.browser.allow(self.attacker.authorize_url(self.client_id, **more)))
        self.assertEqual((query["state"], query["iss"]), ("the state", self.relay.url))
        return query["code"]

    def authorization_error(self, **more):
        """Returns the error that the app is redirected with, after checking its `state` and `iss` (RFC 9207)."""
        query = query_of(self.browser.visit(self.attacker.authorize_url(self.client_id, **more)))
        self.assertNotIn("code", query)
        self.assertEqual((query["state"], query["iss"]), ("the state", self.relay.url))
        return query["error"]

    async def test_pkce_is_required(self):
        self.assertEqual(self.authorization_error(without=["code_challenge", "code_challenge_method"]), "invalid_request")
        self.assertEqual(self.authorization_error(code_challenge_method="plain"), "invalid_request")
        self.assertEqual(self.authorization_error(without=["code_challenge_method"]), "invalid_request")
        self.assertEqual(self.authorization_error(code_challenge="short"), "invalid_request")
        code = self.authorization_code()
        for verifier in ["w" * 43, "", CHALLENGE, VERIFIER + "v"]:
            reply = self.attacker.redeem(self.client_id, code, code_verifier=verifier)
            self.assertIn(reply["error"], ("invalid_grant", "invalid_request"))
        # After all this, the legitimate client can still redeem its code.
        self.assertEqual(self.attacker.redeem(self.client_id, code)["status"], 200)

    async def test_a_code_works_for_one_client_and_once(self):
        code = self.authorization_code()
        other = self.attacker.register()["client_id"]
        self.assertEqual(self.attacker.redeem(other, code)["error"], "invalid_grant")
        self.assertEqual(self.attacker.redeem(self.client_id, code, redirect_uri=CALLBACK + "/")["error"], "invalid_grant")
        self.assertEqual(self.attacker.redeem(self.client_id, code, resource="https://relay.example.org/mcp")["error"], "invalid_target")
        tokens = self.attacker.redeem(self.client_id, code)
        self.assertEqual(self.attacker.call(tokens["access_token"], "list_channels")[0], 200)
        self.assertEqual(self.attacker.redeem(self.client_id, code)["error"], "invalid_grant")
        # The code was used twice, so it may have been stolen: the tokens issued for it are revoked.
        self.assertEqual(self.attacker.refresh(self.client_id, tokens["refresh_token"])["error"], "invalid_grant")

    async def test_codes_are_sent_only_to_registered_redirect_uris(self):
        registered = "https://app.example.org/callback"
        client_id = self.attacker.register(registered)["client_id"]
        for look_alike in [registered + "/", registered + "?a=b", registered + "/../evil", "https://app.example.org:444/callback",
                           "https://app.example.org.evil.example/callback", "https://APP.example.org/callback/",
                           "https://app.example.org@evil.example/callback", "http://app.example.org/callback",
                           "https://evil.example/?https://app.example.org/callback", registered + "#f", registered + "%2e", "javascript:alert(1)"]:
            with self.subTest(look_alike), self.assertRaises(Page) as page:
                self.browser.visit(self.attacker.authorize_url(client_id, redirect_uri=look_alike))
            self.assertEqual(page.exception.status, 400)
            self.assertNotIn("<form", page.exception.text)

    async def test_dangerous_redirect_uris_are_not_registered(self):
        for uri in ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x", "JavaScript:alert(1)",
                    "http://app.example.org/callback", "https://user@app.example.org/", "https://app.example.org/#f", "", "/callback"]:
            with self.subTest(uri):
                reply = self.attacker.register(uri)
                self.assertEqual((reply["status"], reply["error"]), (400, "invalid_redirect_uri"))

    async def test_tokens_are_valid_for_one_relay_only(self):
        self.assertEqual(self.authorization_error(resource="https://relay.example.org/mcp"), "invalid_target")
        tokens = self.attacker.redeem(self.client_id, self.authorization_code())
        await self.relay.stop()
        self.relay.settings["MCP_MULTIPLAYER_PUBLIC_URL"] = "https://relay.example.org"
        await self.relay.start()
        self.assertEqual(self.attacker.call(tokens["access_token"], "list_channels")[0], 401)

    async def test_a_refresh_cannot_widen_the_scope(self):
        tokens = self.attacker.redeem(self.client_id, self.authorization_code(scope="multiplayer offline_access"))
        widened = self.attacker.refresh(self.client_id, tokens["refresh_token"], scope="multiplayer offline_access admin")
        self.assertEqual(widened["error"], "invalid_scope")
        self.assertEqual(self.attacker.refresh(self.client_id, tokens["refresh_token"])["status"], 200)

    async def test_a_refresh_token_works_only_for_its_client(self):
        tokens = self.attacker.redeem(self.client_id, self.authorization_code())
        other = self.attacker.register()["client_id"]
        self.assertEqual(self.attacker.refresh(other, tokens["refresh_token"])["error"], "invalid_grant")
        # Two windows of one app that refresh at the same moment both keep working.
        first, second = (self.attacker.refresh(self.client_id, tokens["refresh_token"]) for _ in range(2))
        for renewed in (first, second):
            self.assertEqual(self.attacker.call(renewed["access_token"], "list_channels")[0], 200)
        self.assertNotIn(tokens["refresh_token"], (first["refresh_token"], second["refresh_token"]))

    async def test_consent_forms_cannot_be_submitted_by_others(self):
        with self.assertRaises(Page) as shown:
            self.browser.visit(self.attacker.authorize_url(self.client_id))
        form = Form(shown.exception.text)
        name, value = form.buttons["Allow"]
        body = urlencode(form.fields | {name: value})
        as_form = {"Content-Type": "application/x-www-form-urlencoded"}
        action = urlsplit(form.action).path
        # From another site; then without the browser's cookie.
        status, headers, _ = self.attacker.request("POST", action, body, as_form | {"Origin": "https://evil.example"})
        self.assertEqual((status, headers.get("location")), (403, None))
        status, headers, _ = self.attacker.request("POST", action, body, as_form | {"Origin": self.relay.url})
        self.assertTrue(400 <= status < 500 and "location" not in headers, status)
        # A page of another site cannot show the form in a frame.
        _, headers, text = self.attacker.request("GET", self.attacker.authorize_url(self.client_id).removeprefix(self.relay.url))
        self.assertIn("frame-ancestors 'none'", headers["content-security-policy"])
        self.assertNotIn("unsafe-inline", headers["content-security-policy"])
        self.assertEqual(headers["x-frame-options"], "DENY")
        self.assertEqual(headers["cache-control"], "no-store")
        self.assertNotIn("<script", text)

    async def test_client_names_are_escaped(self):
        name = "<script>alert(1)</script>Claude"
        client_id = self.attacker.register(client_name=name)["client_id"]
        with self.assertRaises(Page) as shown:
            self.browser.visit(self.attacker.authorize_url(client_id))
        self.assertNotIn("<script", shown.exception.text)
        self.assertIn("Allow", Form(shown.exception.text).buttons)

    async def test_every_endpoint_points_to_the_authorization_server(self):
        for method, path in [("POST", "/mcp"), ("POST", "/"), ("GET", "/mcp"), ("GET", "/ws"), ("POST", "/create_channel"), ("GET", "/who")]:
            for header in ({}, {"Authorization": "Bearer mma_wrong"}, {"Authorization": "Basic YTpi"}):
                status, headers, _ = self.attacker.request(method, path, "{}" if method == "POST" else None, header | {"Content-Type": "application/json"})
                with self.subTest(f"{method} {path} {header}"):
                    self.assertEqual(status, 401)
                    challenge = headers["www-authenticate"]
                    self.assertTrue(challenge.startswith("Bearer "), challenge)
                    self.assertIn(f'resource_metadata="{self.relay.url}/.well-known/oauth-protected-resource', challenge)
                    self.assertIn("scope=", challenge)

    async def test_tokens_in_the_query_are_ignored(self):
        token = self.attacker.redeem(self.client_id, self.authorization_code())["access_token"]
        status, _, text = self.attacker.request("POST", f"/mcp?access_token={token}", "{}", {"Content-Type": "application/json"})
        self.assertIn(status, (400, 401))
        self.assertNotIn(token, text)

    async def test_foreign_hosts_and_origins_are_refused(self):
        token = self.attacker.redeem(self.client_id, self.authorization_code())["access_token"]
        for header in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            for path in ("/mcp", "/", "/create_channel", "/register", "/oauth/authorize"):
                status, _, _ = self.attacker.request("POST", path, "{}", header | {
                    "Authorization": f"Bearer {token}", "Content-Type": "application/json"})
                with self.subTest(f"{header} {path}"):
                    self.assertEqual(status, 403)

    async def test_channels_are_closed_to_other_principals(self):
        alice = self.attacker.redeem(self.client_id, self.authorization_code())["access_token"]
        self.browser = Browser()
        bob = self.attacker.redeem(self.client_id, self.authorization_code())["access_token"]
        _, mine = self.attacker.call(alice, "create_channel", name="Mine", slots=["invite:a"], join_as="a", idempotency_key="k")
        channel = mine["channel_id"]
        for tool, arguments in {"sync_messages": {"cursor": mine["cursor"]}, "get_channel_info": {}, "leave_channel": {"idempotency_key": "k"},
                                "post_message": {"body": "hi", "idempotency_key": "k"}, "update_channel": {"ops": [{"type": "close"}]}}.items():
            with self.subTest(tool):
                _, reply = self.attacker.call(bob, tool, channel_id=channel, **arguments)
                self.assertEqual(reply["error"]["code"], "NOT_MEMBER")
        _, theirs = self.attacker.call(bob, "create_channel", name="Mine", slots=["invite:a"], join_as="a", idempotency_key="k")
        self.assertNotEqual(theirs["channel_id"], channel)

    async def test_registration_returns_no_token_and_needs_consent_whatever_the_name(self):
        for name in ("Claude", "ChatGPT"):
            registered = self.attacker.register(client_name=name, redirect_uris=["https://evil.example/callback"])
            self.assertNotIn("access_token", registered)
            self.assertIn("Allow", self.consent_form(registered["client_id"], "https://evil.example/callback").buttons)

    def consent_form(self, client_id, redirect_uri):
        with self.assertRaises(Page) as page:
            self.browser.visit(self.attacker.authorize_url(client_id, redirect_uri=redirect_uri))
        return Form(page.exception.text)

    async def test_a_revoked_grant_ends_soon(self):
        tokens = self.attacker.redeem(self.client_id, self.authorization_code())
        status, _, _ = self.attacker.request("POST", "/oauth/revoke", urlencode({"token": tokens["refresh_token"], "client_id": self.client_id}),
                                         {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(status, 200)
        self.assertEqual(self.attacker.refresh(self.client_id, tokens["refresh_token"])["error"], "invalid_grant")
        async with asyncio.timeout(10):
            while self.attacker.call(tokens["access_token"], "list_channels")[0] != 401:
                pass


if __name__ == "__main__":
    unittest.main()
