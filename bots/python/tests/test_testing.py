"""`multiplayer.testing`: a bot behaves as on a relay, and the test's own process stays as it is."""

import datetime
import os
import pathlib
import random
import re
import socket
import sys
import tempfile
import textwrap
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from multiplayer import testing  # noqa: E402
from multiplayer.policy import Rejected  # noqa: E402
from multiplayer.testing import Channel, HookFailed  # noqa: E402

ROOT = pathlib.Path(__file__).parents[3]
PRESETS = ROOT / "bots/python/presets"


class ChannelTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = pathlib.Path(directory.name) / "bot.py"

    def channel(self, *methods, imports="", **options):
        body = "\n".join(textwrap.indent(textwrap.dedent(method), "    ") for method in methods)
        self.file.write_text(f"{imports}\nclass Bot:\n{body}\n")
        return Channel(self.file, **options)

    def seated(self, *methods, **options):
        channel = self.channel(*methods, **options)
        channel.join("alice", "bob")
        return channel

    def test_messages_start_the_hooks_that_they_start_on_a_relay(self):
        channel = self.channel("""
            def on_init(self): self.ctx.post("bot", "ready")
            def on_join(self, player_id): self.ctx.dm(player_id, "private", {"text": "hello", "n": len(self.ctx.players)})
            def on_message(self, msg): self.ctx.post("bot", {"text": msg["body"]["text"], "msg": msg, "now": self.ctx.now})
            def on_private_message(self, slot_id, msg): self.ctx.dm(slot_id, "private", {"msg": msg})
            def on_close(self): self.ctx.post("bot", "bye")
        """)
        self.assertEqual([post.text for post in channel.posts], ["ready"])
        self.assertEqual([(sent.to, sent.body["n"]) for sent in channel.join("alice", "s2")], [("s1", 1), ("s2", 2)])
        [answer] = channel.post("bob", "hi", data={"n": [1]})
        self.assertEqual((answer.kind, answer.text, answer.to, answer.body["now"]), ("bot", "hi", None, 1767268800.0))
        message = answer.body["msg"]
        self.assertEqual({key: message[key] for key in message if key not in ("id", "tenure")}, {
            "channel_id": channel.channel_id, "sender": "s2", "sender_label": "bob", "kind": "user",
            "body": {"n": [1], "text": "hi"}, "ts": "2026-01-01T12:00:00.000Z", "to_slot": None})
        [reply] = channel.dm("alice", "psst", data={"a": 1})
        self.assertEqual((reply.to, reply.body["msg"]["text"], reply.body["msg"]["a"]), ("s1", "psst", 1))
        self.assertLess(reply.body["msg"]["tenure"], message["tenure"])
        self.assertEqual(channel.dms("alice")[-1], reply)
        self.assertEqual([post.text for post in channel.close()], ["bye"])
        with self.assertRaises(RuntimeError):
            channel.post("alice", "too late")

    def test_a_bot_knows_the_log_of_its_relay(self):
        method = 'def on_init(self): self.ctx.post("bot", {"text": "ready", "relay": self.ctx.relay})'
        self.assertIsNone(self.channel(method).posts[0].body["relay"])
        relay = {"origin": "relay.example", "key": "a2V5"}
        self.assertEqual(self.channel(method, relay=relay).posts[0].body["relay"], relay)

    def test_a_failed_hook_has_no_effect(self):
        channel = self.seated("""
            def on_message(self, msg):
                self.ctx.set_state({"n": 1})
                self.ctx.seat(msg["sender"])["n"] = 1
                self.ctx.timer("t", 5)
                self.ctx.post("bot", "never seen")
                if msg["body"]["text"] != "work":
                    raise ValueError("no")
        """)
        with self.assertRaises(HookFailed) as caught:
            channel.post("alice", "hi")
        failed = caught.exception
        self.assertEqual(str(failed), "on_message: ValueError: no (line 10)")
        self.assertEqual((failed.hook, failed.reason, failed.message, failed.line), ("on_message", "ValueError", "no", 10))
        self.assertIsInstance(failed.__cause__, ValueError)
        self.assertEqual((channel.state, channel.seat("alice"), channel.timers, channel.messages), ({}, {}, {}, []))
        channel.post("alice", "work")
        self.assertEqual((channel.state, channel.seat("alice"), channel.timers), ({"n": 1}, {"n": 1}, {"t": 5.0}))

    def test_nothing_but_the_state_lasts(self):
        channel = self.seated("""
            seen = []
            def on_message(self, msg):
                self.seen.append(1)
                calls.append(1)
                with io.open("note.txt", "a+") as note:
                    note.write("x")
                    note.seek(0)
                    self.ctx.post("bot", {"out": [len(self.seen), len(calls), len(note.read())]})
        """, imports="import io\ncalls = []")
        for _ in range(2):
            self.assertEqual([post.body["out"] for post in channel.post("bob", "hi")], [[1, 1, 1]])

    def test_what_is_kept_in_a_seat_ends_with_the_tenure(self):
        channel = self.seated("""
            def on_message(self, msg):
                self.ctx.seat(msg["sender"])["card"] = 7
            def on_leave(self, player_id):
                self.ctx.post("bot", {"had": self.ctx.seat(player_id)["card"], "left": len(self.ctx.players)})
            def on_join(self, player_id):
                self.ctx.post("bot", {"has": self.ctx.seat(player_id)})
        """)
        channel.post("alice", "deal")
        self.assertEqual(channel.seat("s1"), {"card": 7})
        self.assertEqual([post.body for post in channel.leave("alice")], [{"had": 7, "left": 1}])
        self.assertEqual([post.body for post in channel.join("alice")], [{"has": {}}])
        with self.assertRaises(HookFailed):
            channel.leave("bob")
        self.assertEqual([post.body for post in channel.join("bob")], [{"has": {}}])

    def test_timers_fire_at_their_time(self):
        channel = self.seated("""
            def on_message(self, msg):
                for seconds in (90, 30, 60):
                    self.ctx.timer(f"t{seconds}", seconds)
                self.ctx.timer("t60", None)
            def on_timer(self, name):
                self.ctx.post("bot", f"{name} at {self.ctx.now - 1767268800:.0f}")
                if name == "t30":
                    self.ctx.timer("again", 5)
                if name == "again":
                    raise ValueError
        """)
        channel.post("alice", "go")
        self.assertEqual(channel.timers, {"t30": 30.0, "t90": 90.0})
        self.assertEqual(channel.advance(29), [])
        self.assertEqual([post.text for post in channel.advance(1)], ["t30 at 30"])
        with self.assertRaises(HookFailed):
            channel.advance(60)
        self.assertEqual((channel.timers, channel.now - 1767268800), ({"t90": 55.0}, 35))
        self.assertEqual([post.text for post in channel.advance(60)], ["t90 at 90"])
        self.assertEqual(channel.now - 1767268800, 95)

    def test_draws_come_from_the_keystream(self):
        source = """
            def on_message(self, msg):
                word = msg["body"]["text"]
                if word == "start":
                    self.ctx.start()
                elif word == "reveal":
                    self.ctx.reveal()
                elif word == "commit":
                    self.ctx.post("bot", self.ctx.commit(random.random()))
                elif word == "open":
                    self.ctx.post("bot", self.ctx.open("c1"))
                self.ctx.post("bot", {"drawn": [random.random(), secrets.token_hex(4), uuid.uuid4().hex]})
            def on_start(self, contributors, missing):
                self.ctx.post("bot", {"from": contributors, "missing": missing})
        """
        words = ["draw", "draw", "start", "draw", "commit", "open", "reveal", "draw", "start"]

        def play(seed):
            channel = self.seated(source, imports="import random, secrets, uuid", seed=seed)
            return [post.body for word in words for post in channel.post("bob", word)]

        first = play(1)
        self.assertEqual(first, play(1))
        drawn = [str(body["drawn"]) for body in first if "drawn" in body]
        self.assertEqual((len(drawn), len(set(drawn))), (9, 9))
        self.assertNotEqual(first, play(2))
        self.assertIn({"from": ["s1", "s2"], "missing": []}, first)
        [committed] = [body for body in first if "commitment" in body and "value" not in body]
        [opened] = [body for body in first if "value" in body]
        self.assertEqual(opened["commitment"], committed["commitment"])

    def test_the_channel_is_ready_once_and_the_randomness_comes_after_the_hook(self):
        channel = self.channel("""
            def on_join(self, player_id):
                self.ctx.post("bot", f"join {player_id}")
            def on_ready(self):
                self.ctx.hold_seats(60)
                self.ctx.start()
                self.ctx.start()
                self.ctx.post("bot", {"text": "ready", "drawn": secrets.token_hex(4)})
            def on_start(self, contributors, missing):
                self.ctx.post("bot", {"text": f"start {contributors} {missing}", "drawn": secrets.token_hex(4)})
            def on_message(self, msg):
                for call in msg["body"]["text"].split():
                    getattr(self.ctx, call)()
        """, imports="import secrets")
        self.assertEqual([post.text for post in channel.join("alice")], ["join s1"])
        posts = channel.join("bob")
        self.assertEqual([post.text for post in posts], ["join s2", "ready", "start ['s1', 's2'] []"])
        self.assertNotEqual(posts[1].body["drawn"], posts[2].body["drawn"], "another key, from the same position")
        channel.leave("bob")
        self.assertEqual([post.text for post in channel.join("bob")], ["join s2"])
        with self.assertRaisesRegex(HookFailed, "has not been answered yet"):
            channel.post("alice", "start reveal")
        [again] = channel.post("alice", "start")
        self.assertEqual(again.text, "start ['s1'] ['s2']", "the stream is open already")
        channel.post("alice", "reveal")
        channel.leave("bob")
        [again] = channel.post("alice", "start")
        self.assertEqual(again.text, "start ['s1'] []")
        channel.join("bob")
        self.assertEqual(channel.post("bob", "start")[0].text, "start ['s1'] ['s2']")
        for call, words in (("start()", "answer to ctx.start"), ("hold_seats(5)", "may hold the seats")):
            refused = self.channel(f"""
                def on_message(self, msg): self.ctx.start()
                def on_start(self, contributors, missing): self.ctx.{call}
            """)
            refused.join("alice")
            with self.assertRaisesRegex(HookFailed, f"on_start: RuntimeError: .*{words}"):
                refused.post("alice", "go")

    def test_what_a_relay_refuses_is_refused(self):
        cases = [
            ("self.ctx.post('bot', {'n': 2**60})", "beyond"),
            ("self.ctx.post('bot', 'x' * 40_000)", "at most 32768"),
            ("for n in range(101): self.ctx.post('bot', 'x')", "at most 100 messages"),
            ("self.ctx.post('bot', self.ctx.env['KEY'])", "one of the bot's secrets"),
            ("for n in range(17): self.ctx.timer(f't{n}', 5)", "at most 16 timers"),
            ("for n in range(65): self.ctx.timer('t', 5)", "at most 64 times"),
            ("import socket; socket.create_connection(('example.com', 80))", "no network"),
            ("self.ctx.dm('s7', 'private', 'hi')", "no player holds slot"),
            ("self.ctx.post('bot', {'type': 'member:join'})", "the relay's own"),
        ]
        for statement, words in cases:
            with self.subTest(statement):
                channel = self.seated(f"def on_message(self, msg):\n    {statement}", env={"KEY": "sk-0123456789"})
                with self.assertRaisesRegex(HookFailed, words):
                    channel.post("alice", "go")
        held = self.seated("def on_message(self, msg): self.ctx.hold_seats(5)\ndef on_timer(self, name): self.ctx.hold_seats(5)\n"
                           "def on_leave(self, who): self.ctx.hold_seats(5)")
        held.post("alice", "go")
        with self.assertRaisesRegex(HookFailed, "may hold the seats"):
            held.leave("alice")

    def test_a_source_that_a_relay_rejects_is_rejected(self):
        with self.assertRaisesRegex(Rejected, "line 1: Import of 'os' is not allowed"):
            self.channel("def on_init(self): pass", imports="import os")
        with self.assertRaisesRegex(Rejected, "no bot class"):
            self.channel("pass")
        with self.assertRaisesRegex(HookFailed, "on_init: KeyError: 'x'"):
            self.channel("def on_init(self): self.ctx.params['x']")
        self.channel("def on_init(self): self.ctx.params['x']", params={"x": 1})

    def test_mistakes_of_the_test_are_named(self):
        channel = self.channel("def on_message(self, msg): pass")
        for action, words in [
            (lambda: channel.post("alice", "hi"), "alice is not seated"), (lambda: channel.join("carol"), "no player 'carol'"),
            (lambda: channel.join("alice", "s1"), "s1 is already seated"),
            (lambda: channel.dm("alice", "hi", data={"type": "bot:ran"}), "the relay's own"),
        ]:
            with self.assertRaisesRegex(ValueError, words):
                action()

    def test_the_process_of_the_test_keeps_its_clock_and_randomness(self):
        channel = self.seated("""
            def on_message(self, msg):
                time.sleep(3)
                self.ctx.post("bot", {"out": [time.time(), datetime.datetime.now().isoformat(), random.Random(7).random()]})
            def on_private_message(self, slot_id, msg):
                raise ValueError
        """, imports="import datetime, random, time")
        names = [(time, "time"), (time, "sleep"), (datetime, "datetime"), (os, "urandom"), (random, "random"), (random, "Random"),
                 (random.SystemRandom, "random"), (socket, "socket")]
        before = [getattr(owner, name) for owner, name in names]
        [answer] = channel.post("alice", "go")
        self.assertEqual(answer.body["out"][1][:19], "2026-01-01T12:00:03")
        self.assertEqual(answer.body["out"][2], random.Random(7).random())
        with self.assertRaises(HookFailed):
            channel.dm("alice", "fail")
        self.assertEqual([getattr(owner, name) for owner, name in names], before)
        self.assertNotEqual(random.random(), random.random())
        self.assertEqual(len(os.urandom(4)), 4)
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        self.assertNotEqual(time.gmtime().tm_year, 1970)

    def test_channels_do_not_share_prints_or_files(self):
        source = """
            def on_message(self, msg):
                print(msg["body"]["text"], file=sys.stdout)
                with io.open("note.txt", "w") as note:
                    note.write("x")
                self.ctx.post("bot", self.ctx.workspace)
        """
        one = self.seated(source, imports="import io, sys")
        other = self.seated(source, imports="import io, sys")
        self.assertNotEqual(one.post("alice", "hi")[0].text, other.post("alice", "hi")[0].text)
        self.assertEqual(one.post("alice", "hi")[0].text, one.post("alice", "hi")[0].text)

    def test_presets_can_be_played(self):
        channel = Channel(PRESETS / "guess_bot.py")
        channel.join("alice", "bob")
        [refused] = channel.post("bob", "guess 5")
        self.assertIn("it is alice's turn", refused.text)
        self.assertTrue(channel.post("alice", "guess 5"))
        channel = Channel(PRESETS / "tic_tac_toe_bot.py", params={"first": "random"})
        self.assertEqual([post.body["type"] for post in channel.join("alice", "bob")], ["game_start", "bot:turn"])
        channel = Channel(PRESETS / "connect_four_bot.py")
        channel.join("alice", "bob")
        self.assertEqual([post.body["type"] for post in channel.post("alice", "d")], ["dropped", "bot:turn"])
        channel = Channel(PRESETS / "rock_paper_scissors_bot.py", params={"rounds": 1})
        channel.join("alice", "bob")
        self.assertEqual([post.body["type"] for post in channel.dm("alice", "rock")], ["sealed"])
        revealed, end = channel.dm("bob", "", data={"choice": "scissors"})
        self.assertEqual((revealed.to, end.body["winner"], end.body["unsealed"]), (None, "s1", True))
        channel = Channel(PRESETS / "blackjack_bot.py")
        channel.join("alice", "bob")
        channel.post("alice", "bet 20")
        self.assertEqual([post.body["type"] for post in channel.post("bob", "bet 20")][:3], ["bet", "round_start", "dealt"])

    def test_the_limits_are_those_of_the_supervisor(self):
        source = (ROOT / "bots/supervisor/src/limits.rs").read_text()
        shared = (ROOT / "protocol/src/limits.rs").read_text()
        declared = dict(re.findall(r"^            (\w+): (.+),$", source, re.MULTILINE))
        constants = dict(re.findall(r"^pub const (\w+): \w+ = ([\d_ *<]+);$", shared, re.MULTILINE))
        for name, value in testing.LIMITS.items():
            text = declared[{"kept_bytes": "commitment_bytes", "hook_ms": "hook"}.get(name, name)]
            text = constants.get(text.removeprefix("limits::"), text)
            expected = int(text.removeprefix("Duration::from_secs(").rstrip(")")) * 1000 if name == "hook_ms" else eval(text)
            self.assertEqual(value, expected, name)
        self.assertEqual(testing._MAX_TIMERS, int(constants["TIMERS"]))
        events = (ROOT / "protocol/src/event/mod.rs").read_text()
        reserved = re.search(r"pub const RESERVED_TYPES: [^=]*= &\[(.*?)\];", events, re.DOTALL)[1]
        self.assertEqual(testing.RESERVED_TYPES, re.findall(r'"([^"]+)"', reserved))


if __name__ == "__main__":
    unittest.main()
