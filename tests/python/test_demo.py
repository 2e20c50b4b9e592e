"""The demo as `make demo` runs it: it ends well, or says in plain words why not; and leaves nothing running."""

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import paths

PROGRAMS = ("mcp-multiplayer-relay", "mcp-multiplayer-bot", "mcp-multiplayer")
DEMO = paths.ROOT / "examples/demo/demo.py"


def demo(*arguments):
    return subprocess.run([sys.executable, DEMO, *arguments], capture_output=True, text=True, timeout=120)


def script(directory, name, *lines):
    path = Path(directory) / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


class DemoTest(unittest.TestCase):
    def failing(self, directory, expected):
        """Runs the demo with programs that fail; what a person reads has no stack trace in it."""
        done = demo("--fast", "--bin-dir", directory)
        self.assertEqual(done.returncode, 1)
        for text in expected:
            self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr + done.stdout)

    def test_a_game_is_played_and_proven(self):
        done = demo("--fast", "--bin-dir", str(paths.BIN_DIR))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count(" ✓ "), 8)
        self.assertEqual(done.stdout.count(" ✗ "), 3)
        for text in ("That's it!", "as Claude Desktop does", str(paths.BIN_DIR / "mcp-multiplayer"), "claude mcp add"):
            self.assertIn(text, done.stdout)
        self.assertNotIn("\033", done.stdout)

    def test_programs_that_were_not_built(self):
        with tempfile.TemporaryDirectory() as empty:
            self.failing(empty, ["mcp-multiplayer-relay is not in", "cargo build"])

    def test_a_relay_that_does_not_start(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in PROGRAMS:
                script(directory, name, "echo the disk is full >&2", "exit 3")
            self.failing(directory, ["ended by itself, with code 3", "the disk is full"])

    def test_a_relay_and_a_stdio_server_that_die_in_mid_game(self):
        for victim, said in (("mcp-multiplayer-relay", "ended by itself"), ("mcp-multiplayer", "Connection closed")):
            with self.subTest(victim), tempfile.TemporaryDirectory() as directory:
                code, err, _ = self.interrupted(directory, victim, lambda _, pid: os.kill(pid, signal.SIGKILL))
                self.assertEqual(code, 1, err)
                self.assertIn(said, err)
                self.assertNotIn("Traceback", err)

    def test_it_can_be_stopped_at_any_time(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name), tempfile.TemporaryDirectory() as directory:
                stop = lambda process, _: process.send_signal(number)  # noqa: E731
                code, err, relay = self.interrupted(directory, "mcp-multiplayer-relay", stop)
                self.assertEqual((code, err), (1, "\nStopped.\n"))
                with self.assertRaises(ProcessLookupError):
                    os.kill(relay, 0)

    def interrupted(self, directory, known, interrupt):
        """Runs the demo, interrupts it when both players are seated; the process id of `known` goes to both."""
        for name in PROGRAMS:
            os.symlink(paths.BIN_DIR / name, Path(directory) / name)
        (Path(directory) / known).unlink()
        pid_file = Path(directory) / "pid"
        script(directory, known, f'[ "$1" = token ] || echo $$ > {pid_file}', f'exec {paths.BIN_DIR / known} "$@"')
        process = subprocess.Popen([sys.executable, DEMO, "--fast", "--bin-dir", directory],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   # The shell that runs the tests in the background ignores Ctrl-C; a terminal does not.
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        try:
            for line in process.stdout:
                if "takes seat s2" in line:
                    pid = int(pid_file.read_text())
                    interrupt(process, pid)
                    break
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, err, pid


if __name__ == "__main__":
    unittest.main()
