"""Creates a channel with GuessBot as its referee, and prints the invite codes.

    python3 examples/http/create_channel.py [NAME]
"""

import sys

from connect import Connection, run


def main(name="Guess Game"):
    created = Connection().call("create_channel", name=name, bot_preset="GuessBot",
                                slots=["bot:guess-referee", "invite:player1", "invite:player2"])
    print("channel", created["channel_id"])
    for bot in created["bots"]:
        print("referee", bot["bot_id"], bot["code_hash"])
    for invite, link in zip(created["invites"], created["invite_links"]):
        print("invite ", invite, link)


if __name__ == "__main__":
    run(main, *sys.argv[1:2])
