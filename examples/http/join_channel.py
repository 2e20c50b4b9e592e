"""Takes a seat with an invite code, or returns to it with a rejoin token; prints the messages so far.

    python3 examples/http/join_channel.py CODE
"""

import sys

from connect import Connection, run


def main(invite_code):
    joined = Connection().call("join_channel", invite_code=invite_code)
    print("channel", joined["channel_id"])
    print("seat   ", joined["slot_id"])
    print("rejoin ", joined["rejoin_token"], "(keep it: with it you can return to this seat)")
    for message in joined["messages"]:
        text = (message["body"] or {}).get("text")
        if text:
            print(f"{message['id']:>4} {message.get('sender_label') or message['sender']}: {text}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    run(main, sys.argv[1])
