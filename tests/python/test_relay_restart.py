"""A game of two stdio servers with one token continues when the relay is killed and restarted in the middle of it."""

import asyncio
import unittest

from personas import local, play_to_the_end, running_relay, start_guessing_game

from check import check_code, check_game


class Judgements:
    """Observes a player; `reached(n)` returns once it has received n judgements, or the end of the game."""

    def __init__(self):
        self.count = 0
        self.over = False
        self.changed = asyncio.Condition()

    async def on_call(self, name, tool, arguments):
        pass

    async def on_messages(self, messages):
        types = [(message["body"] or {}).get("type") for message in messages]
        async with self.changed:
            self.count += types.count("judge")
            self.over = self.over or "game_end" in types
            self.changed.notify_all()

    async def reached(self, count):
        async with self.changed:
            await self.changed.wait_for(lambda: self.over or self.count >= count)


class RelayRestartTest(unittest.IsolatedAsyncioTestCase):
    async def assert_complete(self, alice, bob):
        """Checks that every move is in the log once, was judged once, and that both players have the same log."""
        self.assertEqual(await alice.read_log(), await bob.read_log())
        ids = [message["id"] for message in alice.messages]
        self.assertEqual(ids, sorted(set(ids)))
        moves = [(message["sender"], message["body"]["text"]) for message in alice.messages
                 if message["sender"] in ("s1", "s2")]
        self.assertEqual(len(moves), len(set(moves)))
        judged = [(message["body"]["player"], f"guess {message['body']['guess']}.") for message in alice.referee_posts("judge")]
        self.assertEqual(moves, judged)

    async def assert_game_survives(self, stop):
        judgements = Judgements()
        async with running_relay() as relay:
            async with local(relay, "alice", observer=judgements) as alice, local(relay, "bob", "2026-07-28") as bob:
                await start_guessing_game(alice, bob, bot_params={"range": [1, 1_000_000_000]})
                game = asyncio.create_task(play_to_the_end(alice, bob))
                restarts = 0
                for count in (2, 5, 9, 14):
                    reached = asyncio.create_task(judgements.reached(count))
                    await asyncio.wait([game, reached], return_when=asyncio.FIRST_COMPLETED)
                    if judgements.over or game.done():
                        reached.cancel()
                        break
                    await stop(relay)
                    await relay.start()
                    restarts += 1
                await game
                self.assertGreaterEqual(restarts, 1)
                await self.assert_complete(alice, bob)
                check_code(await bob.read_log(), bob.referee, await bob.read_code())
                self.assertEqual(check_game(bob.messages, bob.referee).guesses, len(alice.referee_posts("judge")))
                # Both processes use one token; each still acts for its own seat.
                self.assertEqual((alice.slot_id, bob.slot_id), ("s1", "s2"))
                await bob.post("Good game!", wait_ms=0)
                await alice.sync(timeout_ms=10_000)
                self.assertEqual(alice.messages[-1]["sender"], "s2")

    async def test_the_game_survives_a_killed_relay(self):
        await self.assert_game_survives(lambda relay: relay.kill())

    async def test_the_game_survives_a_relay_stopped_by_its_operator(self):
        await self.assert_game_survives(lambda relay: relay.stop())

    async def test_a_move_posted_while_the_relay_is_down_is_made_once(self):
        async with running_relay() as relay:
            async with local(relay, "alice") as alice, local(relay, "bob") as bob:
                await start_guessing_game(alice, bob, bot_params={"range": [1, 1_000_000]})
                await alice.sync()
                await bob.sync(timeout_ms=0)
                waiting = asyncio.create_task(bob.sync())
                await relay.kill()
                move = asyncio.create_task(alice.post("guess 500000."))
                await relay.start()
                await asyncio.gather(move, waiting)
                await play_to_the_end(alice, bob)
                await self.assert_complete(alice, bob)


if __name__ == "__main__":
    unittest.main()
