"""A whole guessing game over HTTP: two players, each a client of its own, and a referee that neither has to trust.

    python3 examples/http/play_guessing_game.py

With MCP_TOKEN both players are the same principal, who says with `slot_id` which seat acts.
"""

import hashlib
import secrets
import sys

from connect import Connection, run


class Player:
    """One seat, and all that was said to it."""

    def __init__(self, name, client_name):
        self.name = name
        self.connection = Connection(client_name)
        self.here = {}
        self.cursor = 0
        self.messages = []

    def join(self, invite_code):
        # Randomness of one's own goes into what the referee draws.
        joined = self.connection.call("join_channel", invite_code=invite_code, entropy=secrets.token_hex(32))
        self.here = {"channel_id": joined["channel_id"], "slot_id": joined["slot_id"]}
        self.notice(joined)

    def guess(self, number):
        # The same key at a second try: however the first one ended, there is one guess.
        self.notice(self.connection.call("post_message", **self.here, body=f"guess {number}", cursor=self.cursor, wait_ms=10_000,
                                         idempotency_key=secrets.token_hex(16)))

    def wait(self):
        self.notice(self.connection.call("sync_messages", **self.here, cursor=self.cursor, timeout_ms=25_000))

    def notice(self, page):
        self.messages += [message for message in page["messages"] if message["id"] > self.cursor]
        self.cursor = max(self.cursor, page["cursor"])

    def told(self, kind):
        """What the referee said of this type."""
        return [message["body"] for message in self.messages
                if message["sender"].startswith("bot:") and (message["body"] or {}).get("type") == kind]


def check_code(host, channel_id):
    """The referee's code is the one whose hash is in the log."""
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
        sys.exit("The referee's code is not the one that was announced.")
    print(f"{bot['name']}: its code has the hash that was announced, {bot['code_hash'][:23]}…")


def play(players, low, high):
    """Each in turn halves what is left, until the referee reveals."""
    turn = 0
    while not players[0].told("bot:reveal"):
        player = players[turn % len(players)]
        number, seen = (low + high) // 2, len(player.told("judge"))
        player.guess(number)
        while len(player.told("judge")) == seen:
            player.wait()
        # What the others guessed meanwhile was judged, too.
        judged = player.told("judge")[-1]
        print(f"{player.name} guesses {number}: {judged['result']}")
        if judged["result"] == "low":
            low = number + 1
        elif judged["result"] == "high":
            high = number - 1
        else:
            for each in players:
                while not each.told("bot:reveal"):
                    each.wait()
        for each in players:
            while len(each.told("judge")) <= turn:
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
    while not alice.told("game_start"):
        alice.wait()
    play((alice, bob), 1, 100)
    for player in (alice, bob):
        committed, reveal = player.told("bot:commit")[0]["commitment_hash"], player.told("bot:reveal")[-1]
        if hashlib.sha256(f"{reveal['target']}{reveal['salt']}".encode()).hexdigest() != committed:
            sys.exit(f"{player.name}: the number is not the one that the referee committed to.")
        print(f"{player.name}: the number was {reveal['target']}, as committed to before the first guess ✓")


if __name__ == "__main__":
    run(main)
