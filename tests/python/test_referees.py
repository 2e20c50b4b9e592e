"""Presets on a real relay, for what their unit tests can't cover: timers, restarts, the network and forged logs."""

import asyncio
import copy
import hashlib
import json
import sys
import unittest

import paths
from personas import local, remote, running_relay

sys.path[:0] = [str(paths.ROOT / "examples"), str(paths.ROOT / "examples/blackjack")]

from cards import CheckFailed, check_round  # noqa: E402
from check import check_code  # noqa: E402
from loopback import tls_server  # noqa: E402
from player import ToolFailed  # noqa: E402
from play import play  # noqa: E402

TIMEOUT_SECONDS = 60
TLS = paths.ROOT / "examples/tls"


async def start(preset, params, host, *guests):
    created = await host.call("create_channel", name=preset, bot_preset=preset, bot_params=params, join_as=host.name,
                              slots=["bot:referee", *[f"invite:{each.name}" for each in (host, *guests)]])
    assert "bot_errors" not in created, created
    for guest, invite in zip(guests, created["invites"]):
        await guest.call("join_channel", invite_code=invite)
    for player in (host, *guests):
        await player.sync(timeout_ms=0)
    return created


async def wait_for_post(player, kind, count=1):
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while len(player.referee_posts(kind)) < count:
            await player.sync()
    return player.referee_posts(kind)[-1]["body"]


def system_bodies(player, kind):
    return [message["body"] for message in player.messages
            if message["sender"] == "system" and (message["body"] or {}).get("type") == kind]


TERMS = {"text": "bob delivers.", "parties": ["alice", "bob"],
         "obligations": [{"id": "deliver", "by": "bob", "to": "alice", "deadline_seconds": 3600, "penalty": 20}]}


class HostTest(unittest.IsolatedAsyncioTestCase):
    """What a host cannot do to a game that it is losing."""

    async def begin(self, preset, alice, bob):
        """Starts a game of a preset between alice, who hosts it, and bob."""
        for player in (alice, bob):
            player.cursor, player.messages = 0, []
        params = {"ContractBot": {"terms": TERMS}, "TicTacToeBot": {"first": "random"}}.get(preset, {})
        await start(preset, params, alice, bob)
        if preset == "BlackjackBot":
            await alice.post("bet 50")
            await bob.post("bet 50")
            await wait_for_post(bob, "dealt")
        if preset == "ContractBot":
            terms_hash = (await wait_for_post(bob, "terms"))["terms_hash"]
            for player in (alice, bob):
                await player.post(f"accept {terms_hash}")
            await wait_for_post(bob, "in_force")

    async def update(self, host, **op):
        return await host.call("update_channel", channel_id=host.channel_id, ops=[op])

    async def test_nobody_is_kicked_from_a_game_in_progress(self):
        async with running_relay() as relay, local(relay) as alice, remote(relay) as bob:
            for preset in ("GuessBot", "TicTacToeBot", "ContractBot"):
                with self.subTest(preset):
                    await self.begin(preset, alice, bob)
                    with self.assertRaises(ToolFailed) as refused:
                        await self.update(alice, type="kick", slot_id="s2")
                    self.assertEqual(refused.exception.code, "SEATS_HELD")
                    if preset != "ContractBot":
                        await bob.post("concede")
                        await wait_for_post(bob, "game_end")
                        await self.update(alice, type="kick", slot_id="s2")

    async def test_nobody_is_kicked_from_a_round_of_blackjack(self):
        async with running_relay() as relay, local(relay) as alice, remote(relay) as bob:
            while True:
                await self.begin("BlackjackBot", alice, bob)
                if not bob.referee_posts("round_end"):  # a blackjack of the dealer would end the round at once
                    break
            with self.assertRaises(ToolFailed) as refused:
                await self.update(alice, type="kick", slot_id="s2")
            self.assertEqual(refused.exception.code, "SEATS_HELD")

    async def test_closing_the_channel_reveals_what_was_committed(self):
        async with running_relay() as relay, local(relay) as alice, remote(relay) as bob:
            for preset, last, seeds in (("GuessBot", "game_end", 1), ("TicTacToeBot", "game_end", 1),
                                        ("BlackjackBot", "shoe_opened", 1), ("ContractBot", "unsettled", 0)):
                with self.subTest(preset):
                    await self.begin(preset, alice, bob)
                    await self.update(alice, type="close")
                    end = await wait_for_post(bob, last)
                    while not system_bodies(bob, "close_applied"):
                        await bob.sync()
                    self.assertEqual(len(system_bodies(bob, "seed:reveal")), seeds)
                    if preset == "GuessBot":
                        reveal = await wait_for_post(bob, "bot:reveal")
                        computed = hashlib.sha256(f"{reveal['target']}{reveal['salt']}".encode()).hexdigest()
                        self.assertEqual(computed, (await wait_for_post(bob, "bot:commit"))["commitment_hash"])
                    if preset == "BlackjackBot":
                        self.assertEqual(check_round(bob.messages, bob.referee).cards, 104)
                    else:
                        self.assertEqual(end["reason"], "closed")

    async def test_the_next_holder_of_a_seat_learns_nothing_from_memory_bot(self):
        question = "what did Dana say about her salary?"
        async with running_relay() as relay, local(relay) as alice, remote(relay) as bob, remote(relay, "carol") as carol, \
                remote(relay, "dave") as dave:
            await start("MemoryBot", {}, alice, bob, dave)
            await bob.post("opt in")
            await dave.post("opt in")
            await self.whisper(dave, f"ask bob: {question}")
            self.assertIn(question, json.dumps(await self.whisper(bob, "!status")))
            await self.update(alice, type="kick", slot_id="s2")
            invited = await self.update(alice, type="new_invite", slot_id="s2")
            await carol.call("join_channel", invite_code=invited["invites"][0])
            self.assertEqual(carol.slot_id, "s2")
            for words in ("!status", "consent q1", "answer q1: nothing", "withdraw q1", "opt in", "!status"):
                await self.whisper(carol, words)
            await carol.sync(timeout_ms=0)
            self.assertEqual((await wait_for_post(carol, "status", 2))["open"], [])
            self.assertNotIn(question, json.dumps(carol.messages))
            self.assertEqual((await wait_for_post(dave, "closed"))["outcome"], "withdrawn")

    async def whisper(self, player, words):
        """Sends the referee a private message; returns all messages of the player."""
        await player.call("dm_bot", channel_id=player.channel_id, bot_id=player.referee, message=words, cursor=player.cursor,
                          wait_ms=10_000)
        return player.messages


class GuessClockTest(unittest.IsolatedAsyncioTestCase):
    async def test_turns_time_out_until_the_game_is_abandoned(self):
        async with running_relay() as relay, local(relay) as alice, remote(relay) as bob:
            await start("GuessBot", {"turn_seconds": 1}, alice, bob)
            end = await wait_for_post(bob, "game_end")
            self.assertEqual((end["winner"], end["reason"]), (None, "time"))
            late = [message["body"]["player"] for message in bob.referee_posts("time_up")]
            self.assertEqual(late, ["s1", "s2", "s1", "s2"])
            self.assertEqual(len(bob.referee_posts("bot:reveal")), 1)

    async def test_a_turn_times_out_even_if_the_relay_was_down(self):
        async with running_relay() as relay, local(relay) as alice, local(relay, "bob") as bob:
            await start("GuessBot", {"turn_seconds": 2, "on_timeout": "forfeit"}, alice, bob)
            await relay.kill()
            await relay.start()
            end = await wait_for_post(bob, "game_end")
            self.assertEqual((end["winner"], end["reason"]), ("s2", "time"))
            self.assertEqual(len(bob.referee_posts("time_up")), 1)

    async def test_the_announced_contributors_of_entropy_are_those_in_the_log(self):
        async with running_relay() as relay, local(relay) as alice, remote(relay) as bob:
            await start("GuessBot", {}, alice, bob)
            [opened] = system_bodies(alice, "entropy:open")
            self.assertEqual(alice.referee_posts("game_start")[0]["body"]["entropy_from"],
                             [given["slot_id"] for given in opened["contributions"]])
            await alice.post("concede")
            await alice.sync(timeout_ms=0)
            self.assertEqual(len(system_bodies(alice, "seed:reveal")), 1)


class TicTacToeTest(unittest.IsolatedAsyncioTestCase):
    async def test_a_rejoined_seat_continues_and_a_left_seat_loses(self):
        async with running_relay() as relay, local(relay) as alice, remote(relay) as bob, remote(relay, "phone") as phone:
            await start("TicTacToeBot", {}, alice, bob)
            await alice.post("b2")
            await phone.call("join_channel", invite_code=bob.rejoin_token)
            self.assertEqual(phone.slot_id, "s2")
            await phone.post("a1")
            self.assertEqual(phone.referee_posts("placed")[-1]["body"], phone.referee_posts("placed")[-1]["body"] | {"player": "s2", "cell": "a1"})
            await phone.call("leave_channel", channel_id=phone.channel_id)
            end = await wait_for_post(alice, "game_end")
            self.assertEqual((end["winner"], end["reason"]), ("s1", "leave"))


class TlsTest(unittest.IsolatedAsyncioTestCase):
    async def test_a_certificate_of_a_trusted_authority_is_verified(self):
        with tls_server(TLS / "loopback.pem") as address:
            port = address.partition(":")[2]
            settings = {"MCP_MULTIPLAYER_BOT_NETWORK_CA": str(TLS / "loopback-ca.pem")}
            async with running_relay(reaching=f"{address},localhost:{port}", settings=settings) as relay, remote(relay) as bob:
                await start("TlsBot", {}, bob)
                await bob.post(f"!cert localhost:{port}")
                shown = await wait_for_post(bob, "certificate")
                self.assertEqual((shown["verified"], shown["problem"]), (True, None))
                self.assertEqual(shown["issuer"], [["organizationName", "Example Authority"], ["commonName", "Example CA"]])
                self.assertIn("TLSv1.", shown["tls"])
                await bob.post(f"!cert localhost:{int(port) ^ 1}")
                self.assertEqual((await wait_for_post(bob, "certificate_error"))["reason"], "UNREACHABLE")


class BlackjackTest(unittest.IsolatedAsyncioTestCase):
    async def test_a_round_survives_a_crash_of_the_relay_and_forgeries_are_detected(self):
        async with running_relay() as relay, local(relay) as alice, local(relay, "bob") as bob:
            await start("BlackjackBot", {"decks": 1, "hit_soft_17": True}, alice, bob)
            await alice.post("bet 50")
            await bob.post("I bet 20 chips.")
            await wait_for_post(alice, "dealt")
            await relay.kill()
            await relay.start()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await asyncio.gather(play(alice, 50), play(bob, 20))
            for player in (alice, bob):
                await player.sync(timeout_ms=0)
                check_code(await player.read_log(), player.referee, await player.read_code())
                for number in (1, 2):
                    self.assertEqual(check_round(player.messages, player.referee, number).cards, 52)
            self.assertEqual(await alice.read_log(), await bob.read_log())
            self.assert_forgeries_are_detected(bob.messages, bob.referee)

    def assert_forgeries_are_detected(self, messages, bot_id):
        def body(log, kind):
            return next(message["body"] for message in log if (message["body"] or {}).get("type") == kind)

        def another_card(log):
            card = body(log, "dealt")["hands"][0]["cards"][0]
            card["card"] = "2C" if card["card"] != "2C" else "3C"

        def another_order(log):
            body(log, "shoe_opened")["shoe"].reverse()

        def another_salt(log):
            body(log, "shoe_opened")["salt"] = "0" * 64

        def a_marked_deck(log):
            body(log, "shoe_opened")["shoe"][-1] = body(log, "shoe_opened")["shoe"][0]

        def another_commitment(log):
            body(log, "round_start")["commitment"] = "sha256:" + "0" * 64

        def committed_after_the_deal(log):
            message = next(each for each in log if (each["body"] or {}).get("type") == "round_start")
            message["id"] = next(each["id"] for each in log if (each["body"] or {}).get("type") == "dealer") + 1

        def another_hole_card(log):
            body(log, "dealer")["hole"]["text"] = '[3,"AS"]'

        def a_payment(log):
            body(log, "round_end")["results"][0]["net"] += 2

        def a_total(log):
            body(log, "dealer")["total"] -= 1

        def the_hole_card_shown_early(log):
            hole = body(log, "dealer")["cards"][1]
            body(log, "dealt")["told"] = dict(hole)

        def no_opening(log):
            log[:] = [message for message in log if (message["body"] or {}).get("type") != "shoe_opened"]

        for forge in (another_card, another_order, another_salt, a_marked_deck, another_commitment, committed_after_the_deal,
                      another_hole_card, a_payment, a_total, the_hole_card_shown_early, no_opening):
            log = copy.deepcopy(messages)
            forge(log)
            with self.subTest(forge.__name__), self.assertRaises(CheckFailed):
                check_round(log, bot_id)


if __name__ == "__main__":
    unittest.main()
