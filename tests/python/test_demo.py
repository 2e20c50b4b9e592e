"""The demo as `make demo` runs it: it ends well, or says in plain words why not; and leaves nothing running."""

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import paths

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
            for name in ("mcp-multiplayer-relay", "mcp-multiplayer-bot", "mcp-multiplayer"):
                script(directory, name, "echo the disk is full >&2", "exit 3")
            self.failing(directory, ["ended by itself, with code 3", "the disk is full"])

    def test_a_relay_and_a_stdio_server_that_die_in_mid_game(self):
        # Each dies when the other side has something to do for it: at the third thing it is asked.
        for victim in ("mcp-multiplayer-relay", "mcp-multiplayer"):
            with self.subTest(victim), tempfile.TemporaryDirectory() as directory:
                for name in ("mcp-multiplayer-relay", "mcp-multiplayer-bot", "mcp-multiplayer"):
                    os.symlink(paths.BIN_DIR / name, Path(directory) / name)
                self.interrupted(directory, victim)

    def interrupted(self, directory, victim):
        (Path(directory) / victim).unlink()
        pid_file = Path(directory) / "pid"
        script(directory, victim, f'[ "$1" = token ] || echo $$ > {pid_file}', f'exec {paths.BIN_DIR / victim} "$@"')
        process = subprocess.Popen([sys.executable, DEMO, "--fast", "--bin-dir", directory],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stdout:
                if "takes seat s2" in line:
                    os.kill(int(pid_file.read_text()), signal.SIGKILL)
                    break
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        self.assertEqual(process.returncode, 1, out + err)
        self.assertNotIn("Traceback", err)
        self.assertIn("ended by itself" if victim.endswith("relay") else "Connection closed", err)

    def test_it_can_be_stopped_at_any_time(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name), tempfile.TemporaryDirectory() as directory:
                pid_file = Path(directory) / "pid"
                for name in ("mcp-multiplayer-bot", "mcp-multiplayer"):
                    os.symlink(paths.BIN_DIR / name, Path(directory) / name)
                script(directory, "mcp-multiplayer-relay", f'[ "$1" = token ] || echo $$ > {pid_file}',
                       f'exec {paths.BIN_DIR / "mcp-multiplayer-relay"} "$@"')
                process = subprocess.Popen([sys.executable, DEMO, "--fast", "--bin-dir", directory],
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                try:
                    for line in process.stdout:
                        if "takes seat s2" in line:
                            process.send_signal(number)
                            break
                    _, err = process.communicate(timeout=60)
                finally:
                    process.kill()
                self.assertEqual((process.returncode, err), (1, "\nStopped.\n"))
                with self.assertRaises(ProcessLookupError):
                    os.kill(int(pid_file.read_text()), 0)


if __name__ == "__main__":
    unittest.main()
