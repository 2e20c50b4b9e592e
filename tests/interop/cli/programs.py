"""The clients as programs: each in a home directory of its own, and ended with all that it started."""

import asyncio
import os
import pty
import signal
import sys
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MODULES = ROOT / "target" / "interop" / "cli" / "node_modules"
NODE = os.environ["NODE"]
TIMEOUT_SECONDS = 120

# Nothing but loopback is needed: updates, telemetry and lists of models are turned off.
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1", "GEMINI_TELEMETRY_ENABLED": "false", "NO_COLOR": "1",
}


class Failed(AssertionError):
    """A client that exited with an error, with all that it wrote."""


class Programs:
    """The clients of one person. `home` is where they keep their configuration; they are started in `home`/work."""

    def __init__(self, home, **variables):
        self.home = Path(home)
        self.folder = self.home / "work"
        self.folder.mkdir(exist_ok=True)
        page = HERE / "open_in_browser.py"
        # The browser that a client opens by itself, on Linux and macOS.
        for opener in ("xdg-open", "open"):
            self.write(f"bin/{opener}", f'#!/bin/sh\nexec "{sys.executable}" "{page}" "$1"\n')
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

    async def run(self, program, *arguments, terminal=False):
        """Runs a client to its end; returns what it wrote. `terminal` gives it one, for what it asks only there."""
        arguments = [str(argument) for argument in arguments]
        inner, outer = pty.openpty() if terminal else (None, asyncio.subprocess.DEVNULL)
        output = self.home / "output"
        with open(output, "wb") as file:
            process = await asyncio.create_subprocess_exec(
                str(MODULES / ".bin" / program), *arguments, cwd=self.folder, env=self.environment,
                stdin=outer, stdout=outer if terminal else file, stderr=outer if terminal else file, start_new_session=True)
        if terminal:
            os.close(outer)
        copy = asyncio.create_task(asyncio.to_thread(read_terminal, inner, output)) if terminal else None
        try:
            await asyncio.wait_for(process.wait(), TIMEOUT_SECONDS)
        except TimeoutError:
            written_so_far = output.read_text(errors="replace")
            raise Failed(f"{program} {arguments[:2]} did not end within {TIMEOUT_SECONDS} s:\n{written_so_far}") from None
        finally:
            # What a client has started in the background is in its session.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            if terminal:
                await copy
        text = output.read_text(errors="replace")
        if process.returncode != 0:
            raise Failed(f"{program} {arguments[:2]} ended with {process.returncode}:\n{text}")
        return text


def read_terminal(terminal, output):
    """Copies what is written to a terminal to a file, until nobody has it open any more."""
    with open(output, "wb") as file, suppress(OSError):
        while part := os.read(terminal, 4096):
            file.write(part)
            file.flush()
    os.close(terminal)
