"""Plays a game of GuessBot alone with the relay of the Debian package, over its HTTP interface.

    play.py TOKEN      the file with the output of `token create`

Runs in the containers of dist/test.sh, with the Python of the package.
"""

import json
import pathlib
import sys
import urllib.request

RELAY = "http://127.0.0.1:8100"
TOKEN = pathlib.Path(sys.argv[1]).read_text().split()[-1]


def call(operation, **arguments):
    request = urllib.request.Request(f"{RELAY}/{operation}", json.dumps(arguments).encode(),
                                     {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def main():
    with urllib.request.urlopen(f"{RELAY}/healthz", timeout=10) as reply:
        assert reply.status == 200
    created = call("create_channel", name="Game", slots=["bot:referee", "invite:alice"], bot_preset="GuessBot", join_as="alice",
                   bot_params={"range": [1, 100]})
    assert not created.get("bot_errors"), created["bot_errors"]
    channel, cursor = created["channel_id"], 0
    low, high = 1, 100
    while True:
        guess = (low + high) // 2
        reply = call("post_message", channel_id=channel, body=f"guess {guess}", cursor=cursor, wait_ms=25_000)
        cursor = reply["cursor"]
        texts = [(message.get("body") or {}).get("text") or "" for message in reply["messages"]]
        judgement = next(text for text in texts if f"guessed {guess}" in text)
        if "That's it" in judgement:
            print(judgement)
            return
        low, high = (low, guess - 1) if "too high" in judgement else (guess + 1, high)


if __name__ == "__main__":
    main()
