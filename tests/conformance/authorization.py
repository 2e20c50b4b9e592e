"""Runs the conformance suite's part on authorization servers against a relay: `authorization.py NODE SUITE`.

The suite prints the address that a person would open, and waits for the code; a browser without pictures does the rest.
"""

import asyncio
import json
import re
import socket
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from browser import Browser  # noqa: E402
from personas import running_relay  # noqa: E402

PATIENCE = 60


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def register(relay, redirect_uri):
    metadata = {"client_name": "The conformance suite", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
    request = urllib.request.Request(relay.url + "/register", json.dumps(metadata).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["client_id"]


def log_in(url):
    arrived = Browser().allow(url)
    with urllib.request.urlopen(arrived) as page:
        page.read()


async def conforms(node, suite):
    async with running_relay() as relay:
        port = free_port()
        client_id = register(relay, f"http://127.0.0.1:{port}/callback")
        process = await asyncio.create_subprocess_exec(
            node, suite, "authorization", "--url", relay.url, "--client-id", client_id, "--resource", relay.url + "/mcp",
            "--port", str(port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        said = ""
        while chunk := await asyncio.wait_for(process.stdout.read(4096), PATIENCE):
            print(chunk.decode(), end="", flush=True)
            said += chunk.decode()
            if found := re.search(r"(http\S+/oauth/authorize\?\S+)\s", said):
                said = ""
                await asyncio.to_thread(log_in, found[1])
        return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(conforms(*sys.argv[1:])))
