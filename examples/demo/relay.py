"""Runs a relay as a child process: on a free loopback port, with its data in a directory that the caller chooses."""

import asyncio
import os
import re
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 10

# Environment variables that configure relays. Those of the user's own relay must not affect this one.
RELAY_SETTINGS = re.compile(r"MCP_|DATA_DIR$|DOMAIN$|USE_SSL$|PROXY_HOST$|PROXY_PORT$")


class CommandError(Exception):
    """A failure to show to the user without a traceback: what happened, and what to do."""


def program(bin_dir, name):
    """Returns the path of a built program."""
    path = Path(bin_dir).resolve() / name
    if not os.access(path, os.X_OK):
        raise CommandError(f"The program {name} is not in {path.parent}.\n"
                           "Build it with `cargo build --workspace --bins`, or name its directory with --bin-dir.")
    return str(path)


def environment(**more):
    """Returns this process's environment without the settings of other relays, plus `more`."""
    return {key: value for key, value in os.environ.items() if not RELAY_SETTINGS.match(key)} | more


def tail(path, lines=12):
    """Returns the last lines of a log file, indented for an error message."""
    text = Path(path).read_text(errors="replace").strip() if Path(path).exists() else ""
    return "\n".join("  | " + line for line in text.splitlines()[-lines:]) or "  | (nothing)"


class Relay:
    """A relay process that runs for the duration of an `async with` block."""

    def __init__(self, bin_dir, data_dir, settings=None):
        self.settings = settings or {}  # more environment variables
        self.command = program(bin_dir, "mcp-multiplayer-relay")
        program(bin_dir, "mcp-multiplayer-bot")  # fails early if the program for bots is missing
        self.data_dir = str(data_dir)
        self.log = Path(data_dir) / "relay.log"
        self.address = "127.0.0.1:0"  # any free port; a restart uses the same one
        self.process = None

    @property
    def url(self):
        return f"http://{self.address}"

    @property
    def local_token(self):
        """The token of the machine's own user. The stdio server reads it from the same file."""
        return (Path(self.data_dir) / "local-token").read_text().strip()

    async def __aenter__(self):
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def start(self):
        """Starts the relay and waits until it listens."""
        with open(self.log, "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self.command, "--listen", self.address, "--data-dir", self.data_dir,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                # A session of its own, so that Ctrl-C reaches only the caller, which then stops the relay.
                env=environment(**self.settings), cwd=self.data_dir, start_new_session=True)
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            raise CommandError(f"The relay did not start within {START_SECONDS} s. Its log:\n{tail(self.log)}") from None
        found = re.match(rb"listening on http://(\S+)", line)
        if not found:
            raise await self.unexpected_exit()
        self.address = found[1].decode()

    async def unexpected_exit(self):
        """Waits for the relay to exit; returns the error that describes it."""
        code = await self.process.wait()
        return CommandError(f"The relay exited unexpectedly, with code {code}. The end of its log:\n{tail(self.log)}")

    async def create_token(self, name):
        """Creates a token for another user, as the operator of a relay does."""
        return await self.administer("token", "create", "--name", name)

    async def administer(self, *command):
        """Runs one of the operator's commands; returns its output."""
        process = await asyncio.create_subprocess_exec(
            self.command, *command, "--data-dir", self.data_dir,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment(), cwd=self.data_dir)
        out, err = await process.communicate()
        if process.returncode != 0:
            raise CommandError(f"{' '.join(command[:2])} failed:\n{err.decode(errors='replace').strip()}")
        return out.decode().strip()

    async def kill(self):
        """Kills the relay with SIGKILL."""
        self.process.kill()
        await self.process.wait()

    async def stop(self):
        """Stops the relay if it is running."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            await self.kill()
