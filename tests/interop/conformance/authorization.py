"""Runs the conformance suite's tests of authorization servers against a relay: `authorization.py NODE SUITE`.

The suite prints the URL that a person would open in a browser, and waits for the authorization code. `Browser` opens
the URL and presses the button.
"""

import asyncio
import json
import re
import socket
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

from browser import Browser  # noqa: E402
from personas import running_relay  # noqa: E402

OUTPUT_TIMEOUT_SECONDS = 60


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def register_client(relay, redirect_uri):
    metadata = {"client_name": "The conformance suite", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
    request = urllib.request.Request(relay.url + "/register", json.dumps(metadata).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["client_id"]


def log_in(url):
    callback = Browser().allow(url)
    with urllib.request.urlopen(callback) as page:
        page.read()


async def run_suite(node, suite):
    """Runs the suite to its end; returns its exit code."""
    async with running_relay() as relay:
        port = free_port()
        client_id = register_client(relay, f"http://127.0.0.1:{port}/callback")
        process = await asyncio.create_subprocess_exec(
            node, suite, "authorization", "--url", relay.url, "--client-id", client_id, "--resource", relay.url + "/mcp",
            "--port", str(port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        output = ""
        while chunk := await asyncio.wait_for(process.stdout.read(4096), OUTPUT_TIMEOUT_SECONDS):
            print(chunk.decode(), end="", flush=True)
            output += chunk.decode()
            if found := re.search(r"(http\S+/oauth/authorize\?\S+)\s", output):
                output = ""
                await asyncio.to_thread(log_in, found[1])
        return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(run_suite(*sys.argv[1:])))
