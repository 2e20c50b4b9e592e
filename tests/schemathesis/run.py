"""Starts a relay, and has schemathesis try its REST door; `run.sh` calls this in an environment of its own."""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "examples/demo"))

from relay import Relay, Trouble  # noqa: E402

# Limits are not what is tried here, and nobody is to wait.
MANY = "1000000"
SETTINGS = {
    "MCP_MULTIPLAYER_WAIT_MS": "50",
    "MCP_MULTIPLAYER_BOT_NETWORK": "false",
    "MCP_MULTIPLAYER_POSTS_PER_SECOND": MANY,
    "MCP_MULTIPLAYER_POSTS_BURST": MANY,
    "MCP_MULTIPLAYER_REQUESTS_PER_SECOND": MANY,
    "MCP_MULTIPLAYER_REQUESTS_BURST": MANY,
    "MCP_MULTIPLAYER_ADDRESS_REQUESTS_PER_SECOND": MANY,
    "MCP_MULTIPLAYER_ADDRESS_REQUESTS_BURST": MANY,
    "MCP_MULTIPLAYER_CHANNELS_PER_DAY": MANY,
}


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "target/debug", help="where the programs are")
    parser.add_argument("--max-examples", default="20", help="test cases for each operation and phase")
    parser.add_argument("--seed", help="of an earlier run, to see the same again")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mcp-multiplayer-schemathesis-") as data_dir:
        async with Relay(chosen.bin_dir, data_dir, SETTINGS) as relay:
            token = await relay.create_token("schemathesis")
            return await asyncio.to_thread(schemathesis, relay.url, token, data_dir, chosen)


def schemathesis(url, token, directory, chosen):
    """Runs it to its end; its exit code."""
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml", "--no-color",
               "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}", "--checks", "all",
               "--max-examples", chosen.max_examples, "--continue-on-failure"]
    if chosen.seed:
        command += ["--seed", chosen.seed]
    settings = {"SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "MCP_BASE_URL": url, "MCP_TOKEN": token}
    # It keeps what it found in the directory that it runs in.
    return subprocess.run(command, cwd=directory, env=os.environ | settings, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except Trouble as trouble:
        sys.exit(str(trouble))
