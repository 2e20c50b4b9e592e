"""The demo succeeds, or explains its failure without a traceback, and leaves no process behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import paths

PROGRAMS = ("mcp-multiplayer-relay", "mcp-multiplayer-bot", "mcp-multiplayer")
DEMO = paths.ROOT / "examples/demo/demo.py"


def run_demo(*arguments):
    return subprocess.run([sys.executable, DEMO, *arguments], capture_output=True, text=True, timeout=120)


def write_script(directory, name, *lines):
    path = Path(directory) / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


class DemoTest(unittest.TestCase):
    def assert_demo_fails(self, directory, expected):
        """Runs the demo with programs that fail, and checks its error message."""
        done = run_demo("--fast", "--bin-dir", directory)
        self.assertEqual(done.returncode, 1)
        for text in expected:
            self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr + done.stdout)

    def test_a_game_is_played_and_verified(self):
        done = run_demo("--fast", "--bin-dir", str(paths.BIN_DIR))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count(" ✓ "), 8 + 2 * 4 + 1)
        self.assertEqual(done.stdout.count(" ✗ "), 4)
        for text in ("That's it!", "as Claude Desktop does", str(paths.BIN_DIR / "mcp-multiplayer"), "claude mcp add"):
            self.assertIn(text, done.stdout)
        self.assertNotIn("\033", done.stdout)

    def test_missing_programs_are_reported(self):
        with tempfile.TemporaryDirectory() as empty:
            self.assert_demo_fails(empty, ["mcp-multiplayer-relay is not in", "cargo build"])

    def test_a_relay_that_does_not_start_is_reported(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in PROGRAMS:
                write_script(directory, name, "echo the disk is full >&2", "exit 3")
            self.assert_demo_fails(directory, ["exited unexpectedly, with code 3", "the disk is full"])

    def test_a_bot_worker_that_does_not_start_is_reported_with_the_remedy(self):
        with tempfile.TemporaryDirectory() as directory:
            # A copy: the relay looks for the worker beside its real path.
            for name in ("mcp-multiplayer-relay", "mcp-multiplayer"):
                shutil.copy(paths.BIN_DIR / name, directory)
            write_script(directory, "mcp-multiplayer-bot", "echo no libpython >&2", "exit 1")
            self.assert_demo_fails(directory, ["BOTS_UNAVAILABLE", "no libpython", "make setup"])

    def test_a_relay_or_stdio_server_killed_during_the_game_is_reported(self):
        for victim, message in (("mcp-multiplayer-relay", "exited unexpectedly"), ("mcp-multiplayer", "Connection closed")):
            with self.subTest(victim), tempfile.TemporaryDirectory() as directory:
                code, err, _ = self.interrupted(directory, victim, lambda _, pid: os.kill(pid, signal.SIGKILL))
                self.assertEqual(code, 1, err)
                self.assertIn(message, err)
                self.assertNotIn("Traceback", err)

    def test_signals_stop_the_demo_and_its_relay(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name), tempfile.TemporaryDirectory() as directory:
                stop = lambda process, _: process.send_signal(number)  # noqa: E731
                code, err, relay = self.interrupted(directory, "mcp-multiplayer-relay", stop)
                self.assertEqual((code, err), (1, "\nStopped.\n"))
                with self.assertRaises(ProcessLookupError):
                    os.kill(relay, 0)

    def interrupted(self, directory, name, interrupt):
        """Runs the demo until both players are seated, then calls `interrupt(demo, pid)`, with the pid of program `name`.

        Returns the exit code of the demo, its stderr, and the pid.
        """
        for each in PROGRAMS:
            os.symlink(paths.BIN_DIR / each, Path(directory) / each)
        (Path(directory) / name).unlink()
        pid_file = Path(directory) / "pid"
        write_script(directory, name, f'[ "$1" = token ] || echo $$ > {pid_file}', f'exec {paths.BIN_DIR / name} "$@"')
        process = subprocess.Popen([sys.executable, DEMO, "--fast", "--bin-dir", directory],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   # A shell that runs the tests in the background lets them ignore SIGINT; a terminal does not.
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
