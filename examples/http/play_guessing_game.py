"""Plays a whole guessing game over HTTP: two players, two clients, and a referee that neither has to trust.

    python3 examples/http/play_guessing_game.py

With MCP_TOKEN, both players are the same principal, and `slot_id` selects the seat that acts.
"""

import hashlib
import secrets
import sys

from connect import Connection, run


class Player:
    """A player in a seat, with the messages that it received."""

    def __init__(self, name, client_name):
        self.name = name
        self.connection = Connection(client_name)
        self.seat = {}
        self.cursor = 0
        self.messages = []

    def join(self, invite_code):
        # The player's own entropy makes the referee's draw unpredictable to the relay.
        joined = self.connection.call("join_channel", invite_code=invite_code, entropy=secrets.token_hex(32))
        self.seat = {"channel_id": joined["channel_id"], "slot_id": joined["slot_id"]}
        self.remember(joined)

    def guess(self, number):
        # The key makes a retry safe: the guess is posted once, even if the first response was lost.
        self.remember(self.connection.call("post_message", **self.seat, body=f"guess {number}", cursor=self.cursor, wait_ms=10_000,
                                         idempotency_key=secrets.token_hex(16)))

    def wait(self):
        self.remember(self.connection.call("sync_messages", **self.seat, cursor=self.cursor, timeout_ms=25_000))

    def remember(self, page):
        self.messages += [message for message in page["messages"] if message["id"] > self.cursor]
        self.cursor = max(self.cursor, page["cursor"])

    def referee_posts(self, kind):
        """Returns the bodies of the referee's posts of one type."""
        return [message["body"] for message in self.messages
                if message["sender"].startswith("bot:") and (message["body"] or {}).get("type") == kind]


def check_code(host, channel_id):
    """Checks that the referee's code has the announced hash."""
    [bot] = host.connection.call("get_channel_info", channel_id=channel_id)["bots"]
    source, offset = "", None
    while True:
        part = host.connection.call("get_bot_code", channel_id=channel_id, bot_id=bot["bot_id"],
                                    **({} if offset is None else {"offset": offset}))
        source += part["source"]
        offset = part.get("next_offset")
        if offset is None:
            break
    if "sha256:" + hashlib.sha256(source.encode()).hexdigest() != bot["code_hash"]:
        sys.exit("The referee's code does not have the announced hash.")
    print(f"{bot['name']}: its code has the announced hash, {bot['code_hash'][:23]}…")


def play(players, low, high):
    """Takes turns guessing the middle of the remaining range, until the referee reveals the number."""
    turn = 0
    while not players[0].referee_posts("bot:reveal"):
        player = players[turn % len(players)]
        number, seen = (low + high) // 2, len(player.referee_posts("judge"))
        player.guess(number)
        while len(player.referee_posts("judge")) == seen:
            player.wait()
        # The last judgement is the one of this guess: the other players wait for their turns.
        judged = player.referee_posts("judge")[-1]
        print(f"{player.name} guesses {number}: {judged['result']}")
        if judged["result"] == "low":
            low = number + 1
        elif judged["result"] == "high":
            high = number - 1
        else:
            for each in players:
                while not each.referee_posts("bot:reveal"):
                    each.wait()
        for each in players:
            while len(each.referee_posts("judge")) <= turn:
                each.wait()
        turn += 1


def main():
    client_name = Connection().client_name
    alice, bob = (Player(name, f"{client_name} ({name})") for name in ("alice", "bob"))
    created = alice.connection.call("create_channel", name="Guess Game", bot_preset="GuessBot",
                                    slots=["bot:guess-referee", "invite:alice", "invite:bob"])
    check_code(alice, created["channel_id"])
    for player, invite in zip((alice, bob), created["invites"]):
        player.join(invite)
    while not alice.referee_posts("game_start"):
        alice.wait()
    play((alice, bob), 1, 100)
    for player in (alice, bob):
        committed, reveal = player.referee_posts("bot:commit")[0]["commitment_hash"], player.referee_posts("bot:reveal")[-1]
        if hashlib.sha256(f"{reveal['target']}{reveal['salt']}".encode()).hexdigest() != committed:
            sys.exit(f"{player.name}: the number is not the one that the referee committed to.")
        print(f"{player.name}: the number was {reveal['target']}, as committed to before the first guess ✓")


if __name__ == "__main__":
    run(main)
