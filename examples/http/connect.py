"""Calls a relay over plain HTTP, with the standard library only. Gets an access token and stores it for the next run.

Settings come from the environment, or from a file `.env.scripts` in the working directory:

    MCP_BASE_URL      URL of the relay; default: http://127.0.0.1:8100
    MCP_CLIENT_NAME   name of this client; default: MCP Script Client
    MCP_TOKEN_FILE    file in which tokens are stored; default: mcp_tokens.json
    MCP_VERIFY_SSL    "false" accepts any certificate, for testing with a relay of your own
    MCP_TOKEN         a token from the relay's operator; with it, nothing is registered or stored
"""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

SETTINGS_FILE = Path(".env.scripts")
# A token that is about to expire is renewed, so that it does not expire while a request is under way.
MARGIN_SECONDS = 30
ANSWER_SECONDS = 60


class RequestRefused(Exception):
    """An error response of the relay: a problem (RFC 9457) or an OAuth error (RFC 6749, section 5.2)."""

    def __init__(self, status, problem):
        self.status = status
        self.code = problem.get("code") or problem.get("error") or str(status)
        title = problem.get("title") or problem.get("error_description") or "The relay refused the request."
        super().__init__(" ".join(filter(None, [f"{self.code}: {title}", problem.get("detail")])))


def setting(name, default):
    """Reads a setting from the environment, or else from `.env.scripts`."""
    if os.environ.get(name):
        return os.environ[name]
    lines = SETTINGS_FILE.read_text().splitlines() if SETTINGS_FILE.exists() else []
    for line in lines:
        key, separator, value = line.partition("=")
        if separator and key.strip() == name:
            # As in a shell, " #" starts a comment.
            value = (" " + value).split(" #")[0].strip()
            return value.strip("'\"") or default
    return default


class Connection:
    """One client of one relay. Players who keep secrets from each other need one each, with different names."""

    def __init__(self, client_name=None):
        self.url = setting("MCP_BASE_URL", "http://127.0.0.1:8100").rstrip("/")
        self.client_name = client_name or setting("MCP_CLIENT_NAME", "MCP Script Client")
        self.token_file = Path(setting("MCP_TOKEN_FILE", "mcp_tokens.json"))
        self.operator_token = setting("MCP_TOKEN", None)
        context = ssl.create_default_context()
        if setting("MCP_VERIFY_SSL", "true").lower() in ("false", "0", "no"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        # Redirects are not followed: they could send the token to another server.
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), NoRedirect())

    def call(self, operation, **arguments):
        """Performs an operation and returns its result; raises `RequestRefused`."""
        try:
            return self.send(operation, arguments, self.token())
        except RequestRefused as error:
            if error.status != 401 or self.operator_token:
                raise
        # The token was revoked, or the relay lost its data. Try once more with a new token.
        return self.send(operation, arguments, self.token(renew=True))

    def send(self, operation, arguments, token):
        body = json.dumps(arguments).encode()
        return self.post(f"/{operation}", body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})

    def post(self, path, body, headers):
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with self.opener.open(request, timeout=ANSWER_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as answer:
            with answer:
                text = answer.read()
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {}
            raise RequestRefused(answer.code, problem if isinstance(problem, dict) else {}) from None

    # ---- The token ---------------------------------------------------------------------

    def token(self, renew=False):
        """Returns the operator's token, the stored one, or a new one (RFC 6749, section 4.4)."""
        if self.operator_token:
            return self.operator_token
        stored = self.load_tokens()
        client = stored.setdefault(self.url, {}).setdefault(self.client_name, {})
        if not renew and client.get("expires_at", 0) > time.time() + MARGIN_SECONDS:
            return client["access_token"]
        if "client_id" not in client:
            client.update(self.register())
        try:
            granted = self.grant(client)
        except RequestRefused as error:
            if error.code != "invalid_client":
                raise
            # The relay no longer knows the client.
            client.clear()
            client.update(self.register())
            granted = self.grant(client)
        client.update(access_token=granted["access_token"], expires_at=time.time() + granted["expires_in"])
        self.save_tokens(stored)
        return client["access_token"]

    def register(self):
        """Registers a new client (RFC 7591)."""
        wanted = {"client_name": self.client_name, "grant_types": ["client_credentials"],
                  "token_endpoint_auth_method": "client_secret_post"}
        answer = self.post("/register", json.dumps(wanted).encode(), {"Content-Type": "application/json"})
        return {"client_id": answer["client_id"], "client_secret": answer["client_secret"]}

    def grant(self, client):
        """Gets an access token by the client credentials grant."""
        form = {"grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"]}
        return self.post("/token", urllib.parse.urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    def load_tokens(self):
        try:
            stored = json.loads(self.token_file.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def save_tokens(self, stored):
        """Replaces the token file with a new one that only its owner can read."""
        new_file = self.token_file.with_name(self.token_file.name + ".new")
        new_file.unlink(missing_ok=True)
        with os.fdopen(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(stored, file, indent=2)
        new_file.replace(self.token_file)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def run(main, *arguments):
    """Runs a script; shows known failures without a traceback."""
    try:
        main(*arguments)
    except RequestRefused as error:
        sys.exit(str(error))
    except urllib.error.URLError as error:
        sys.exit(f"The relay at {setting('MCP_BASE_URL', 'http://127.0.0.1:8100')} cannot be reached: {error.reason}")


if __name__ == "__main__":
    run(lambda: print(json.dumps(Connection().call("health_check"), indent=2)))
