"""The clients as programs: each in a home directory of its own, and ended with all that it started."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from terminal import Terminal

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MODULES = ROOT / "target" / "interop" / "cli" / "node_modules"
NODE = os.environ["NODE"]
TIMEOUT_SECONDS = 120

# Nothing but loopback is needed: updates, telemetry and lists of models are turned off.
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1", "GEMINI_TELEMETRY_ENABLED": "false", "NO_COLOR": "1", "TERM": "xterm-256color",
    # Without a desktop there is no keychain, and logins would last as long as the process.
    "MCP_INSPECTOR_SECRET_STORE": "file",
}


class Failed(AssertionError):
    """A client that exited with an error, with all that it wrote."""


class Programs:
    """The clients of one person. `home` is where they keep their configuration; they are started in `home`/work.

    The person's browser uses `access_code` for logins.
    """

    def __init__(self, home, access_code, **variables):
        self.home = Path(home)
        self.folder = self.home / "work"
        self.folder.mkdir(exist_ok=True)
        page = HERE / "open_in_browser.py"
        # The browser that a client opens by itself, on Linux and macOS.
        for opener in ("xdg-open", "open"):
            self.write(f"bin/{opener}", f'#!/bin/sh\nexec "{sys.executable}" "{page}" "$1" {access_code}\n')
            (self.home / "bin" / opener).chmod(0o700)
        # Not the environment of whoever runs the tests: it may hold accounts, and settings of other relays.
        self.environment = QUIET | {
            "HOME": str(home), "BROWSER": str(self.home / "bin" / "xdg-open"),
            "PATH": f"{self.home / 'bin'}:{Path(NODE).parent}:{MODULES / '.bin'}:/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": str(home), "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1,localhost"} | variables

    def write(self, path, text):
        """Writes a file of configuration below the home directory."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def run(self, program, *arguments, terminal=False, until=None, keys=()):
        """Runs a client to its end; returns what it wrote.

        `terminal` gives it one, for what it asks only there. A client that draws on the whole terminal does not end by
        itself: it is ended when `until` is on the screen. `keys` are pairs of a text and what to type when it is there.
        """
        arguments = [str(argument) for argument in arguments]
        screen = Terminal(keys) if terminal or until else None
        output = self.home / "output"
        with open(output, "wb") as file:
            standard = (screen.outer,) * 3 if screen else (asyncio.subprocess.DEVNULL, file, file)
            process = await asyncio.create_subprocess_exec(
                str(MODULES / ".bin" / program), *arguments, cwd=self.folder, env=self.environment,
                stdin=standard[0], stdout=standard[1], stderr=standard[2], start_new_session=True)
        copy = asyncio.create_task(asyncio.to_thread(screen.copy, output)) if screen else None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await (screen.shows(until, process) if until else process.wait())
        except TimeoutError:
            written_so_far = output.read_text(errors="replace")
            raise Failed(f"{program} {arguments[:2]} did not end within {TIMEOUT_SECONDS} s:\n{written_so_far}") from None
        finally:
            # What a client has started in the background is in its session.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            if screen:
                await copy
        text = output.read_text(errors="replace")
        if process.returncode != 0 and not (until and screen.has(until)):
            raise Failed(f"{program} {arguments[:2]} ended with {process.returncode}:\n{text}")
        return text
