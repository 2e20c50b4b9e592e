"""Two stdio processes with one token, and a relay that dies in the middle of their game: the game goes on."""

import asyncio
import unittest

from personas import local, play_to_the_end, running_relay, seat

from check import check_code, check_game


class Judgements:
    """Watches a player; `reached(n)` returns once the player has read n judgements or the game's end."""

    def __init__(self):
        self.count = 0
        self.over = False
        self.changed = asyncio.Condition()

    async def called(self, name, tool, arguments):
        pass

    async def heard(self, messages):
        types = [(message["body"] or {}).get("type") for message in messages]
        async with self.changed:
            self.count += types.count("judge")
            self.over = self.over or "game_end" in types
            self.changed.notify_all()

    async def reached(self, count):
        async with self.changed:
            await self.changed.wait_for(lambda: self.over or self.count >= count)


class RelayRestartTest(unittest.IsolatedAsyncioTestCase):
    def whole(self, alice, bob):
        """Every move is there once, was judged once, and both read the same."""
        self.assertEqual(alice.messages, bob.messages)
        ids = [message["id"] for message in alice.messages]
        self.assertEqual(ids, sorted(set(ids)))
        moves = [(message["sender"], message["body"]["text"]) for message in alice.messages
                 if message["sender"] in ("s1", "s2")]
        self.assertEqual(len(moves), len(set(moves)))
        judged = [(message["body"]["player"], f"guess {message['body']['guess']}.") for message in alice.said("judge")]
        self.assertEqual(moves, judged)

    async def restarted_in_mid_game(self, how):
        judgements = Judgements()
        async with running_relay() as relay:
            async with local(relay, "alice", watch=judgements) as alice, local(relay, "bob", "2026-07-28") as bob:
                await seat(alice, bob, bot_params={"range": [1, 1_000_000_000]})
                game = asyncio.create_task(play_to_the_end(alice, bob))
                restarts = 0
                for count in (2, 5, 9, 14):
                    reached = asyncio.create_task(judgements.reached(count))
                    await asyncio.wait([game, reached], return_when=asyncio.FIRST_COMPLETED)
                    if judgements.over or game.done():
                        reached.cancel()
                        break
                    await how(relay)
                    await relay.start()
                    restarts += 1
                await game
                self.assertGreaterEqual(restarts, 1)
                self.whole(alice, bob)
                check_code(bob.messages, bob.referee, await bob.read_code())
                self.assertEqual(check_game(bob.messages, bob.referee).guesses, len(alice.said("judge")))
                # One token, two seats: each process still speaks for its own.
                self.assertEqual((alice.slot_id, bob.slot_id), ("s1", "s2"))
                await bob.post("Good game!", wait_ms=0)
                await alice.sync(timeout_ms=10_000)
                self.assertEqual(alice.messages[-1]["sender"], "s2")

    async def test_killed(self):
        await self.restarted_in_mid_game(lambda relay: relay.kill())

    async def test_stopped_by_its_operator(self):
        await self.restarted_in_mid_game(lambda relay: relay.stop())

    async def test_a_move_made_while_the_relay_is_down_is_made_once(self):
        async with running_relay() as relay:
            async with local(relay, "alice") as alice, local(relay, "bob") as bob:
                await seat(alice, bob, bot_params={"range": [1, 1_000_000]})
                await alice.sync()
                await bob.sync(timeout_ms=0)
                waiting = asyncio.create_task(bob.sync())
                await relay.kill()
                move = asyncio.create_task(alice.post("guess 500000."))
                await relay.start()
                await asyncio.gather(move, waiting)
                await play_to_the_end(alice, bob)
                self.whole(alice, bob)


if __name__ == "__main__":
    unittest.main()
