"""A relay of one's own: a process on a free port of this machine, with its data in a directory of the caller's."""

import asyncio
import os
import re
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 10

# Settings of the user's own relay, which must not reach this one.
FOREIGN = re.compile(r"MCP_|DATA_DIR$|DOMAIN$|USE_SSL$|PROXY_HOST$|PROXY_PORT$")


class Trouble(Exception):
    """Something went wrong that a person has to know of; the text says what, and what to do."""


def program(bin_dir, name):
    """The path of a program that was built."""
    path = Path(bin_dir).resolve() / name
    if not os.access(path, os.X_OK):
        raise Trouble(f"The program {name} is not in {path.parent}.\n"
                      "Build it with `cargo build --workspace --bins`, or say where it is with --bin-dir.")
    return str(path)


def environment(**more):
    """This process's environment without settings of other relays, and with `more`."""
    return {key: value for key, value in os.environ.items() if not FOREIGN.match(key)} | more


def tail(path, lines=12):
    """The last lines of a log file, for people."""
    text = Path(path).read_text(errors="replace").strip() if Path(path).exists() else ""
    return "\n".join("  | " + line for line in text.splitlines()[-lines:]) or "  | (it wrote nothing)"


class Relay:
    """Runs while the `async with` block does, and never longer."""

    def __init__(self, bin_dir, data_dir, settings=None):
        self.settings = settings or {}  # environment variables of this relay
        self.command = program(bin_dir, "mcp-multiplayer-relay")
        program(bin_dir, "mcp-multiplayer-bot")  # which the relay starts for each bot
        self.data_dir = str(data_dir)
        self.log = Path(data_dir) / "relay.log"
        self.address = "127.0.0.1:0"  # any free port; the same one again after a restart
        self.process = None

    @property
    def url(self):
        return f"http://{self.address}"

    @property
    def local_token(self):
        """The token of this machine's own user, which the stdio server finds by itself."""
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
        """Returns when the relay listens."""
        with open(self.log, "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self.command, "--listen", self.address, "--data-dir", self.data_dir,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                # In a session of its own: Ctrl-C is for the caller, who then ends the relay.
                env=environment(**self.settings), cwd=self.data_dir, start_new_session=True)
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            raise Trouble(f"The relay did not start within {START_SECONDS} s. It wrote:\n{tail(self.log)}") from None
        found = re.match(rb"listening on http://(\S+)", line)
        if not found:
            raise await self.death()
        self.address = found[1].decode()

    async def death(self):
        """Waits until the relay ends without having been asked to, and says how it did."""
        code = await self.process.wait()
        return Trouble(f"The relay ended by itself, with code {code}. Its last words:\n{tail(self.log)}")

    async def create_token(self, name):
        """A token for somebody else, as an operator makes it."""
        return await self.administer("token", "create", "--name", name)

    async def administer(self, *command):
        """What an operator's command prints."""
        process = await asyncio.create_subprocess_exec(
            self.command, *command, "--data-dir", self.data_dir,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment(), cwd=self.data_dir)
        out, err = await process.communicate()
        if process.returncode != 0:
            raise Trouble(f"{' '.join(command[:2])} failed:\n{err.decode(errors='replace').strip()}")
        return out.decode().strip()

    async def kill(self):
        """kill -9."""
        self.process.kill()
        await self.process.wait()

    async def stop(self):
        """Ends the relay, if it runs."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            await self.kill()
