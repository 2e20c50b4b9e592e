"""Takes a seat with an invite, or comes back to it with a rejoin token; prints what was said there.

    python3 examples/http/join_channel.py INVITE
"""

import sys

from connect import Connection, run


def main(invite_code):
    joined = Connection().call("join_channel", invite_code=invite_code)
    print("channel", joined["channel_id"])
    print("seat   ", joined["slot_id"])
    print("rejoin ", joined["rejoin_token"], "(keep it: it is the way back to this seat)")
    for message in joined["messages"]:
        text = (message["body"] or {}).get("text")
        if text:
            print(f"{message['id']:>4} {message.get('sender_label') or message['sender']}: {text}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    run(main, sys.argv[1])
