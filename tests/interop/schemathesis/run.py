"""Starts a relay, and runs schemathesis against its REST API; run.sh calls this with the Python that has schemathesis."""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "examples/demo"))

from relay import Relay, CommandError  # noqa: E402

# Rate limits and long polls are tested elsewhere; here they would only slow the run down.
UNLIMITED = "1000000"
SETTINGS = {
    "MCP_MULTIPLAYER_WAIT_MS": "50",
    "MCP_MULTIPLAYER_BOT_NETWORK": "false",
    "MCP_MULTIPLAYER_POSTS_PER_SECOND": UNLIMITED,
    "MCP_MULTIPLAYER_POSTS_BURST": UNLIMITED,
    "MCP_MULTIPLAYER_REQUESTS_PER_SECOND": UNLIMITED,
    "MCP_MULTIPLAYER_REQUESTS_BURST": UNLIMITED,
    "MCP_MULTIPLAYER_ADDRESS_REQUESTS_PER_SECOND": UNLIMITED,
    "MCP_MULTIPLAYER_ADDRESS_REQUESTS_BURST": UNLIMITED,
    "MCP_MULTIPLAYER_CHANNELS_PER_DAY": UNLIMITED,
}


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, default=ROOT / os.environ.get("MCP_MULTIPLAYER_BIN_DIR", "target/debug"),
                        help="directory of the built programs")
    parser.add_argument("--max-examples", default="20", help="test cases per operation and phase")
    parser.add_argument("--seed", help="seed of an earlier run, to repeat it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mcp-multiplayer-schemathesis-") as data_dir:
        async with Relay(options.bin_dir, data_dir, SETTINGS) as relay:
            token = await relay.create_token("schemathesis")
            return await asyncio.to_thread(run_schemathesis, relay.url, token, data_dir, options)


def run_schemathesis(url, token, directory, options):
    """Runs schemathesis to its end; returns its exit code."""
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml", "--no-color",
               "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}", "--checks", "all",
               "--max-examples", options.max_examples, "--continue-on-failure"]
    if options.seed:
        command += ["--seed", options.seed]
    settings = {"SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "MCP_BASE_URL": url, "MCP_TOKEN": token}
    # Schemathesis stores its findings in the working directory.
    return subprocess.run(command, cwd=directory, env=os.environ | settings, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except CommandError as error:
        sys.exit(str(error))
