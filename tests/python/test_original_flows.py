"""What clients of the original system did works unchanged, at `/` with a bearer token."""

import hashlib
import http.client
import json
import unittest

from original_client import OriginalClient
from personas import running_relay

GUESS_BOT = {
    "name": "GuessBot",
    "version": "1.0",
    "code_ref": "builtin://GuessBot",
    "manifest": {
        "summary": "Turn-based number guessing referee",
        "hooks": ["on_init", "on_join", "on_message"],
        "emits": ["prompt", "state", "turn", "judge"],
        "params": {"mode": "number", "range": [1, 10]},
    },
}

ECHO_BOT = '''
class EchoBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = params

    def on_init(self):
        self.ctx.post("bot", {"type": "ready", "message": "EchoBot is ready!"})

    def on_join(self, player_id):
        self.ctx.post("bot", {"type": "welcome", "player": player_id, "message": f"Welcome {player_id[:8]}!"})

    def on_message(self, msg):
        if msg.get("kind") == "user":
            body = msg.get("body", {})
            self.ctx.post("bot", {"type": "echo", "original": body, "message": f"I heard: {body}"})
'''


def of_type(messages, kind):
    return [message["body"] for message in messages if message["body"].get("type") == kind]


class OriginalFlowsTest(unittest.IsolatedAsyncioTestCase):
    async def test_create_join_post_and_sync_right_after_a_post(self):
        async with running_relay() as relay:
            alice, bob = [OriginalClient(relay, await relay.create_token(name)).connect() for name in ("alice", "bob")]
            created = alice.call_tool("create_channel", {
                "name": "Test Guessing Game", "slots": ["bot:guess-referee", "invite:alice", "invite:bob"],
                "bot_preset": "GuessBot"})
            channel = created["channel_id"]
            self.assertEqual([invite[:4] for invite in created["invites"]], ["inv_", "inv_"])
            seats = {}
            for player, invite in zip((alice, bob), created["invites"]):
                joined = player.call_tool("join_channel", {"invite_code": invite})
                self.assertEqual(joined["view"]["name"], "Test Guessing Game")
                seats[joined["slot_id"]] = player
            self.assertEqual(list(seats), ["s1", "s2"])

            before = alice.call_tool("sync_messages", {"channel_id": channel})
            cursor = before["cursor"]
            self.assertEqual(len(of_type(before["messages"], "bot:commit")), 1)
            turn, low, high = of_type(before["messages"], "bot:turn")[0]["player"], 1, 100
            for _ in range(7):
                player, guess = seats[turn], (low + high) // 2
                posted = player.call_tool("post_message", {"channel_id": channel, "body": f"guess {guess}"})
                self.assertGreater(posted["msg_id"], cursor)
                # No wait in between: the referee's judgement is already there.
                synced = player.call_tool("sync_messages", {"channel_id": channel, "cursor": cursor})
                cursor = synced["cursor"]
                [judged] = of_type(synced["messages"], "judge")
                self.assertEqual(judged["guess"], guess)
                if judged["result"] == "correct":
                    break
                low, high = (low, guess - 1) if judged["result"] == "high" else (guess + 1, high)
                turn = of_type(synced["messages"], "bot:turn")[0]["player"]
            [reveal] = of_type(synced["messages"], "bot:reveal")
            self.assertEqual(reveal["hash"], of_type(before["messages"], "bot:commit")[0]["commitment_hash"])
            self.assertEqual(hashlib.sha256((str(reveal["target"]) + reveal["salt"]).encode()).hexdigest(),
                             reveal["hash"])
            self.assertEqual(of_type(synced["messages"], "game_end")[0]["winner"], turn)

    async def test_the_form_with_bots(self):
        async with running_relay() as relay:
            alice = OriginalClient(relay, await relay.create_token("alice")).connect()
            created = alice.call_tool("create_channel", {
                "name": "Guessing Game", "slots": ["bot:guess-referee", "invite:player1", "invite:player2"],
                "bots": [GUESS_BOT]})
            self.assertEqual(len(created["invites"]), 2)
            self.assertNotIn("bot_errors", created)
            alice.call_tool("join_channel", {"invite_code": created["invites"][0]})
            messages = alice.call_tool("sync_messages", {"channel_id": created["channel_id"]})["messages"]
            self.assertEqual(of_type(messages, "prompt")[0]["range"], [1, 10])
            [bot] = created["bots"]
            code = alice.call_tool("get_bot_code", {"channel_id": created["channel_id"], "bot_id": bot["bot_id"]})
            self.assertEqual(code["manifest"], GUESS_BOT["manifest"])

    async def test_without_a_bot(self):
        async with running_relay() as relay:
            alice = OriginalClient(relay, await relay.create_token("alice")).connect()
            self.assertGreaterEqual(len(alice.request("tools/list", {})["tools"]), 9)
            created = alice.call_tool("create_channel", {
                "name": "Session Continuity Test", "slots": ["invite:player1", "invite:player2"]})
            channel = created["channel_id"]
            alice.call_tool("join_channel", {"invite_code": created["invites"][0]}, 3)
            posted = alice.call_tool("post_message", {"channel_id": channel, "kind": "user", "body": "Test message"}, 4)
            messages = alice.call_tool("sync_messages", {"channel_id": channel}, 5)["messages"]
            [own] = [message for message in messages if message["id"] == posted["msg_id"]]
            self.assertEqual((own["kind"], own["body"]["text"], own["sender"]), ("user", "Test message", "s0"))

    async def test_dm_bot_is_for_the_bot_and_its_answer_for_the_sender(self):
        async with running_relay() as relay:
            alice, bob = [OriginalClient(relay, await relay.create_token(name)).connect() for name in ("alice", "bob")]
            created = alice.call_tool("create_channel", {
                "name": "Whispers", "slots": ["bot:referee", "invite:alice", "invite:bob"], "bot_preset": "GuessBot"})
            channel, bot_id = created["channel_id"], created["bots"][0]["bot_id"]
            for player, invite in zip((alice, bob), created["invites"]):
                player.call_tool("join_channel", {"invite_code": invite})
            told = alice.call_tool("dm_bot", {"channel_id": channel, "bot_id": bot_id, "message": "!status"})
            self.assertEqual((told["ok"], told["delivered_to"]), (True, bot_id))
            seen = alice.call_tool("sync_messages", {"channel_id": channel})["messages"]
            [answer] = [message for message in seen if message["to_slot"] == "s1"]
            self.assertEqual((answer["body"]["type"], answer["sender"]), ("status", f"bot:{bot_id}"))
            self.assertTrue([message for message in seen if message["id"] == told["msg_id"]])
            other = bob.call_tool("sync_messages", {"channel_id": channel})["messages"]
            self.assertFalse([message for message in other if message["id"] in (told["msg_id"], answer["id"])])
            self.assertFalse(of_type(other, "status"))

    async def test_rejoin_from_a_new_client(self):
        async with running_relay() as relay:
            alice, bob, phone = [OriginalClient(relay, await relay.create_token(name)).connect()
                                 for name in ("alice", "bob", "alice-on-the-phone")]
            created = alice.call_tool("create_channel", {
                "name": "Moving", "slots": ["bot:referee", "invite:alice", "invite:bob"], "bot_preset": "GuessBot",
                "bot_params": {"range": [1, 1000]}})
            channel = created["channel_id"]
            joined = alice.call_tool("join_channel", {"invite_code": created["invites"][0]})
            bob.call_tool("join_channel", {"invite_code": created["invites"][1]})

            again = phone.call_tool("join_channel", {"invite_code": joined["rejoin_token"]})
            self.assertEqual((again["slot_id"], again["channel_id"]), (joined["slot_id"], channel))
            self.assertEqual(again["rejoin_token"], joined["rejoin_token"])
            # The game goes on from there: it is this seat's turn, and nobody joined twice.
            phone.call_tool("post_message", {"channel_id": channel, "body": "guess 500"})
            synced = phone.call_tool("sync_messages", {"channel_id": channel, "cursor": again["cursor"]})
            self.assertEqual(of_type(synced["messages"], "judge")[0]["player"], joined["slot_id"])
            log = bob.call_tool("sync_messages", {"channel_id": channel})["messages"]
            self.assertEqual([body["player"] for body in of_type(log, "player_joined")], ["s1", "s2"])
            self.assertEqual([body["slot_id"] for body in of_type(log, "member:rejoin")], ["s1"])
            refused = alice.call_tool("post_message", {"channel_id": channel, "body": "guess 1"})
            self.assertEqual(refused["error"]["code"], "NOT_MEMBER")

    async def test_inline_bot_of_the_local_user(self):
        async with running_relay() as relay:
            home = OriginalClient(relay, relay.local_token).connect()
            created = home.call_tool("create_channel", {
                "name": "Echo Test", "slots": ["bot:echo", "invite:player1"], "bot_code": ECHO_BOT})
            channel = created["channel_id"]
            joined = home.call_tool("join_channel", {"invite_code": created["invites"][0]})
            before = home.call_tool("sync_messages", {"channel_id": channel})["messages"]
            self.assertEqual(of_type(before, "welcome")[0]["message"], f"Welcome {joined['slot_id']}!")
            home.call_tool("post_message", {"channel_id": channel, "body": "Hello EchoBot!"})
            after = home.call_tool("sync_messages", {"channel_id": channel})["messages"]
            self.assertEqual(of_type(after[len(before):], "echo")[0]["original"], {"text": "Hello EchoBot!"})

            [attach] = of_type(after, "bot:attach")
            code = home.call_tool("get_bot_code", {"channel_id": channel, "bot_id": attach["bot_id"]})
            self.assertEqual(code["inline_code"], ECHO_BOT)
            self.assertEqual(code["code_hash"], "sha256:" + hashlib.sha256(ECHO_BOT.encode()).hexdigest())
            self.assertEqual((code["code_hash"], code["manifest_hash"]),
                             (attach["code_hash"], attach["manifest_hash"]))

    async def test_everybody_may_attach_code_where_the_wall_around_bots_holds(self):
        async with running_relay() as relay:
            bob = OriginalClient(relay, await relay.create_token("bob")).connect()
            walled = bob.call_tool("health_check")["sandbox"] in ("kernel", "full")
            created = bob.call_tool("create_channel", {
                "name": "Echo Test", "slots": ["bot:echo", "invite:player1"], "bot_code": ECHO_BOT})
            if walled:
                self.assertNotIn("bot_errors", created)
            else:
                self.assertEqual(created["bots"], [])
                self.assertIn("preset", created["bot_errors"][0])

    async def test_preset_code_is_open(self):
        async with running_relay() as relay:
            alice = OriginalClient(relay, await relay.create_token("alice")).connect()
            created = alice.call_tool("create_channel", {
                "name": "Open", "slots": ["bot:referee", "invite:alice"], "bot_preset": "GuessBot"})
            bot_id = created["bots"][0]["bot_id"]
            code = alice.call_tool("get_bot_code", {"channel_id": created["channel_id"], "bot_id": bot_id})
            self.assertEqual(code["code_ref"], "builtin://GuessBot")
            self.assertEqual(code["code_hash"], "sha256:" + hashlib.sha256(code["source"].encode()).hexdigest())

    async def test_list_channels_shows_ones_own(self):
        async with running_relay() as relay:
            alice, bob = [OriginalClient(relay, await relay.create_token(name)).connect() for name in ("alice", "bob")]
            created = alice.call_tool("create_channel", {"name": "Mine", "slots": ["invite:a", "bot:b"],
                                                         "bot_preset": "GuessBot"})
            listed = alice.call_tool("list_channels")
            self.assertEqual(listed["total_channels"], 1)
            [channel] = listed["channels"]
            self.assertEqual((channel["name"], channel["channel_id"]), ("Mine", created["channel_id"]))
            self.assertEqual((len(channel["slots"]), channel["bots"]), (2, ["bot_GuessBot_0"]))
            self.assertGreater(channel["message_count"], 0)
            self.assertEqual(bob.call_tool("list_channels"), {"channels": [], "total_channels": 0})

    async def test_no_token_no_answer(self):
        async with running_relay() as relay:
            for header in ({}, {"Authorization": "Bearer nonsense"}):
                connection = http.client.HTTPConnection(relay.address, timeout=30)
                connection.request("POST", "/", "{}", {"Content-Type": "application/json"} | header)
                response = connection.getresponse()
                answer = json.loads(response.read())
                connection.close()
                self.assertEqual((response.status, answer["error"]["code"]), (401, "UNAUTHENTICATED"))


if __name__ == "__main__":
    unittest.main()
