"""The bots in the guides work as described: each is attached exactly as the guide has it, and exercised."""

import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import paths
from personas import local, running_relay

sys.path.append(str(paths.ROOT / "examples"))

from check import check_code, code_hash  # noqa: E402
from loopback import json_server  # noqa: E402

BOTS = paths.ROOT / "docs/BOTS.md"
GUIDES = [*sorted((paths.ROOT / "mcp/src/resources").glob("*.md")), BOTS]
PROGRAM = paths.BIN_DIR / "mcp-multiplayer-bot"

# For each bot: the kind of message to send (or "wait" for a timer), its text, and fields that some reply must have.
EXERCISES = {
    "EchoBot": [("post", "hello", {"echo": "hello", "count": 1}), ("post", "again", {"echo": "again", "count": 2})],
    "CoinBot": [("post", "heads", {"type": "bot:reveal"}), ("post", "tails", {"type": "bot:reveal"})],
    "DiceBot": [("post", "!roll 20", {"type": "roll", "player": "s1"}), ("post", "!help", {"type": "help"})],
    "HandBot": [("dm", "!hand", {"type": "hand"}), ("dm", "what?", {"type": "error"})],
    "ScoreBot": [("post", "!add 3", {"type": "added", "total": 3}), ("post", "!score", {"scores": {"s1": 3}}),
                 ("dm", "!note mine", {"type": "noted"}), ("dm", "!note", {"text": "Your note: mine"}), ("post", "!note mine", {"type": "error"})],
    "GreetBot": [("post", "hello", {"type": "hello", "count": 1}), ("post", "Hello", {"type": "hello", "count": 2})],
    "SecretCardBot": [("dm", "my card?", {"type": "card"})],
    "RockBot": [("dm", "lizard", {"type": "error"}), ("dm", "rock", {"type": "moved", "player": "s1"}),
                ("dm", "paper", {"type": "error", "text": "You have moved already."})],
    "FairDiceBot": [("post", "roll", {"type": "roll", "entropy_from": ["s1"]}), ("post", "done", {"type": "done"}),
                    ("post", "roll", {"type": "roll"})],
    "CardBot": [("post", "draw", {"type": "bot:commit", "id": "c1"}), ("post", "show", {"type": "bot:open"})],
    "NimBot": [("post", "start", {"type": "turn", "turn": ["s1"], "left": 12}), ("post", "take 4", {"type": "error"}),
               ("post", "take 3", {"left": 9, "actions": ["take 1", "take 2", "take 3"]})],
    "MarksBot": [("post", "b1", {"type": "marked", "text": "1 . X .\n2 . . .\n3 . . .\n  a b c\nlast: b1"})],
    "TeaBot": [("post", "tea 1", {"type": "brewing", "seconds": 1}), ("wait", None, {"type": "ready", "text": "alice, the tea is ready."}),
               ("post", "stop", {"type": "stopped"})],
    "QuoteBot": [("post", "!price", {"type": "price", "price": 12.5})],
    "SealedBidBot": [("dm", "all I have", {"text": "Send your bid as a whole number."}), ("dm", "7", {"text": "Your bid is 7."})],
    "TallyBot": [("post", "!tally", {"type": "tally", "said": {}})],
}


def bots_in_guides():
    """Yields each fenced Python block that defines a bot, as (guide, name, source)."""
    for guide in GUIDES:
        for source in blocks(guide, "python"):
            found = re.search(r"^class (\w+Bot)\b", source, re.MULTILINE)
            if found:
                yield guide.name, found[1], source


def blocks(guide, language):
    return re.findall(rf"^```{language}\n(.*?)^```", guide.read_text(), re.MULTILINE | re.DOTALL)


class GuideBotsTest(unittest.IsolatedAsyncioTestCase):
    async def test_every_bot_in_the_guides_works(self):
        bots = list(bots_in_guides())
        self.assertEqual({name for _, name, _ in bots}, set(EXERCISES))
        with json_server(lambda *request: (200, {"price": 12.5})) as address:
            async with running_relay(reaching=address) as relay, local(relay) as alice:
                for guide, name, source in bots:
                    with self.subTest(guide=guide, bot=name):
                        await self.exercise(alice, name, source, {"url": f"http://{address}/price.json"})

    async def exercise(self, alice, name, source, params):
        alice.cursor, alice.messages = 0, []
        created = await alice.call("create_channel", name=name, slots=["bot:it", "invite:alice"],
                                   bot_code=source, bot_params=params, join_as="alice")
        self.assertNotIn("bot_errors", created)
        [bot] = created["bots"]
        self.assertEqual(bot["code_hash"], code_hash(source))
        self.assertEqual(check_code(await alice.read_log(), bot["bot_id"], await alice.read_code()), code_hash(source))
        for kind, text, expected in EXERCISES[name]:
            seen = len(alice.messages)
            if kind == "dm":
                await alice.call("dm_bot", channel_id=alice.channel_id, bot_id=bot["bot_id"], message=text,
                                 cursor=alice.cursor, wait_ms=10_000)
            elif kind == "post":
                await alice.post(text, wait_ms=10_000)
            until = time.monotonic() + 10
            answers = self.answers(alice, bot, seen)
            while kind == "wait" and not answers and time.monotonic() < until:
                await alice.sync(timeout_ms=5_000)
                answers = self.answers(alice, bot, seen)
            self.assertTrue(any(message["body"].items() >= expected.items() for message in answers), (text, answers))
        await alice.sync(timeout_ms=0)
        failed = [message["body"] for message in alice.messages if (message["body"] or {}).get("type") == "bot:error"]
        self.assertEqual(failed, [])

    @staticmethod
    def answers(player, bot, seen):
        return [message for message in player.messages[seen:] if message["sender"] == f"bot:{bot['bot_id']}"]

    async def test_a_bot_receives_the_posts_of_other_bots(self):
        sources = {name: source for _, name, source in bots_in_guides()}
        async with running_relay() as relay, local(relay) as alice:
            bots = [{"name": name, "inline_code": sources[name]} for name in ("TallyBot", "FairDiceBot")]
            await alice.call("create_channel", name="Two", slots=["invite:alice"], bots=bots, join_as="alice")
            for _ in range(2):
                await alice.post("roll", wait_ms=10_000)
            until = time.monotonic() + 10
            counts = []
            while counts != {"FairDiceBot": 2} and time.monotonic() < until:
                await alice.post("!tally", wait_ms=10_000)
                tallies = [message["body"] for message in alice.messages if (message["body"] or {}).get("type") == "tally"]
                counts = tallies[-1]["said"] if tallies else []
            self.assertEqual(counts, {"FairDiceBot": 2})


class GuideToolsTest(unittest.TestCase):
    def test_the_check_command_finds_no_problem_in_the_guides(self):
        for guide, name, source in bots_in_guides():
            with self.subTest(guide=guide, bot=name), tempfile.TemporaryDirectory() as directory:
                file = Path(directory) / "bot.py"
                file.write_text(source)
                done = subprocess.run([PROGRAM, "check", file, "--json"], capture_output=True, text=True, timeout=60)
                found = json.loads(done.stdout)
                self.assertEqual([finding for finding in found["findings"] if finding["level"] != "note"], [])
                self.assertEqual((done.returncode, found["class_name"], found["code_hash"]), (0, name, code_hash(source)))

    def test_the_sample_output_of_play_is_its_real_output(self):
        [commands], [shown] = blocks(BOTS, "sh"), blocks(BOTS, "text")
        script = "".join(f"{line[2:]}\n" for line in shown.splitlines() if line.startswith("> "))
        with tempfile.TemporaryDirectory() as directory:
            for source in blocks(BOTS, "python"):
                (Path(directory) / source.splitlines()[0].removeprefix("# ")).write_text(source)
            for command in commands.splitlines():
                program, *arguments = command.split()
                self.assertEqual(program, PROGRAM.name)
                done = subprocess.run([PROGRAM, *arguments], cwd=directory, input=script, capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertTrue(done.stdout.endswith(shown), done.stdout)

    def test_the_sample_tests_pass(self):
        with tempfile.TemporaryDirectory() as directory:
            for source in blocks(BOTS, "python"):
                (Path(directory) / source.splitlines()[0].removeprefix("# ")).write_text(source)
            environment = {**os.environ, "XDG_CACHE_HOME": str(Path(directory) / "cache")}
            for _ in range(2):
                done = subprocess.run([PROGRAM, "python-path"], env=environment, capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
            [command] = blocks(BOTS, "console")
            environment["PYTHONPATH"] = done.stdout.strip()
            arguments = command.split()[3:]
            self.assertEqual(arguments, ["python3", "-m", "unittest", "test_greet_bot.py"])
            done = subprocess.run([sys.executable, *arguments[1:]], cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("Ran 2 tests", done.stderr)

    def test_the_documented_imports_are_those_of_the_policy(self):
        names = runpy.run_path(paths.ROOT / "bots/python/multiplayer/names.py")
        allowed = names["IMPORTABLE"]
        line = re.search(r"^\*\*Imports:\*\* (.*?)\. Modules", BOTS.read_text(), re.MULTILINE | re.DOTALL)[1]
        self.assertEqual(set(re.findall(r"`(\w+)`", line)), allowed - {"__future__"})

    def test_the_documented_limits_are_those_of_the_supervisor(self):
        source = (paths.ROOT / "bots/supervisor/src/limits.rs").read_text()
        shared = dict(re.findall(r"^pub const (\w+): \w+ = (.+);$", (paths.ROOT / "protocol/src/limits.rs").read_text(), re.MULTILINE))
        defaults = dict(re.findall(r"^            (\w+): (.+),$", source, re.MULTILINE))
        defaults = {name: shared.get(value.removeprefix("limits::"), value) for name, value in defaults.items()}
        guide = BOTS.read_text()
        for name, value, words in [
            ("hook", "Duration::from_secs(5)", "for loading a source | 5 s |"), ("memory_bytes", "256 << 20", "| memory | 256 MiB |"),
            ("workspace_bytes", "100_000_000", "| workspace, all files together | 100 MB |"), ("posts", "100", "| 100, together 1 MiB |"),
            ("body_bytes", "32 * 1024", "| one post or DM | 32 KiB of JSON |"), ("post_bytes", "1 << 20", "| 100, together 1 MiB |"),
            ("state_bytes", "1 << 20", "| state | 1 MiB of JSON |"), ("commitment_bytes", "256 << 10", "| 256 KiB of JSON, all values together |"),
            ("source_bytes", "256 * 1024", "| source | 256 KiB |"), ("log_bytes", "16 << 10", "| prints of one hook | 16 KiB;"),
        ]:
            self.assertEqual(defaults[name], value)
            self.assertIn(words, guide)


if __name__ == "__main__":
    unittest.main()
