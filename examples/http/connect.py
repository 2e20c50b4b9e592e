"""A relay over plain HTTP, with nothing but the standard library: a token that is got once and kept, and calls.

Settings come from the environment, or from a file `.env.scripts` in the working directory:

    MCP_BASE_URL      the relay; http://127.0.0.1:8100 if left out
    MCP_CLIENT_NAME   what the relay calls this client; "MCP Script Client" if left out
    MCP_TOKEN_FILE    where tokens are kept; mcp_tokens.json if left out
    MCP_VERIFY_SSL    "false" takes any certificate, for a relay of one's own that is being tried
    MCP_TOKEN         a token that the relay's operator made; then nothing is registered or kept
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
# A token is renewed while it has this long to live, so that it does not end on its way.
MARGIN_SECONDS = 30
ANSWER_SECONDS = 60


class Refused(Exception):
    """What the relay said no with: a problem (RFC 9457) or an error of OAuth (RFC 6749, section 5.2)."""

    def __init__(self, status, problem):
        self.status = status
        self.code = problem.get("code") or problem.get("error") or str(status)
        title = problem.get("title") or problem.get("error_description") or "The relay refused the request."
        super().__init__(" ".join(filter(None, [f"{self.code}: {title}", problem.get("detail")])))


def setting(name, default):
    """A setting of the environment, else of `.env.scripts`."""
    if os.environ.get(name):
        return os.environ[name]
    lines = SETTINGS_FILE.read_text().splitlines() if SETTINGS_FILE.exists() else []
    for line in lines:
        key, separator, value = line.partition("=")
        if separator and key.strip() == name:
            # As in a shell, a comment begins with a space and '#'.
            value = (" " + value).split(" #")[0].strip()
            return value.strip("'\"") or default
    return default


class Connection:
    """One client of one relay. Players who are to have secrets from each other need one each, with a name of its own."""

    def __init__(self, client_name=None):
        self.url = setting("MCP_BASE_URL", "http://127.0.0.1:8100").rstrip("/")
        self.client_name = client_name or setting("MCP_CLIENT_NAME", "MCP Script Client")
        self.file = Path(setting("MCP_TOKEN_FILE", "mcp_tokens.json"))
        self.given = setting("MCP_TOKEN", None)
        context = ssl.create_default_context()
        if setting("MCP_VERIFY_SSL", "true").lower() in ("false", "0", "no"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        # A redirect could carry the token elsewhere, and is followed nowhere.
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), NoRedirect())

    def call(self, operation, **arguments):
        """Performs an operation; its result, or `Refused`."""
        try:
            return self.send(operation, arguments, self.token())
        except Refused as refused:
            if refused.status != 401 or self.given:
                raise
        # Revoked, or of a relay that has lost its data: once more, with a new one.
        return self.send(operation, arguments, self.token(anew=True))

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
            raise Refused(answer.code, problem if isinstance(problem, dict) else {}) from None

    # ---- The token ---------------------------------------------------------------------

    def token(self, anew=False):
        """The operator's, or the one that was kept, or a new one (RFC 6749, section 4.4)."""
        if self.given:
            return self.given
        kept = self.kept()
        mine = kept.setdefault(self.url, {}).setdefault(self.client_name, {})
        if not anew and mine.get("expires_at", 0) > time.time() + MARGIN_SECONDS:
            return mine["access_token"]
        if "client_id" not in mine:
            mine.update(self.register())
        try:
            granted = self.grant(mine)
        except Refused as refused:
            if refused.code != "invalid_client":
                raise
            # The relay has forgotten the client.
            mine.clear()
            mine.update(self.register())
            granted = self.grant(mine)
        mine.update(access_token=granted["access_token"], expires_at=time.time() + granted["expires_in"])
        self.keep(kept)
        return mine["access_token"]

    def register(self):
        """A client of our own (RFC 7591)."""
        wanted = {"client_name": self.client_name, "grant_types": ["client_credentials"],
                  "token_endpoint_auth_method": "client_secret_post"}
        answer = self.post("/register", json.dumps(wanted).encode(), {"Content-Type": "application/json"})
        return {"client_id": answer["client_id"], "client_secret": answer["client_secret"]}

    def grant(self, client):
        form = {"grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"]}
        return self.post("/token", urllib.parse.urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    def kept(self):
        try:
            kept = json.loads(self.file.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def keep(self, kept):
        """Writes the file anew, for its owner's eyes only."""
        fresh = self.file.with_name(self.file.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(kept, file, indent=2)
        fresh.replace(self.file)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def run(main, *arguments):
    """Runs a script; what goes wrong is told in words."""
    try:
        main(*arguments)
    except Refused as refused:
        sys.exit(str(refused))
    except urllib.error.URLError as error:
        sys.exit(f"The relay at {setting('MCP_BASE_URL', 'http://127.0.0.1:8100')} cannot be reached: {error.reason}")


if __name__ == "__main__":
    run(lambda: print(json.dumps(Connection().call("health_check"), indent=2)))
