"""Plays a first game as the README describes it, keeps its receipt, and verifies it with the installed programs.

    dist/newcomer.py BIN DATA_DIR

BIN contains commands that run installed programs: `mcp-multiplayer` and `mcp-multiplayer-bot`. Nothing is configured, so the
stdio server starts the relay of its computer itself. DATA_DIR is the data directory of that relay, as this script sees it.
Runs in the environment of examples/demo, on the machine that tests, and uses the official MCP SDK as the client.
"""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples/demo"))

from player import over_stdio  # noqa: E402
from search import Search  # noqa: E402

GAME_SECONDS = 120


async def play(server, log):
    """Plays GuessBot against a practice partner; returns the answer of `get_receipt`."""
    async with asyncio.timeout(GAME_SECONDS), over_stdio("alice", server, env={}, log=log) as alice:
        created = await alice.call("create_channel", name="A first game", slots=["bot:referee", "invite:alice", "practice:bob"],
                                   bot_preset="GuessBot", join_as="alice")
        assert not created.get("bot_errors"), created["bot_errors"]
        await alice.play(Search(reads_hints=True).choose)
        print("  " + alice.referee_posts("game_end")[0]["body"]["text"])
        return await alice.call("get_receipt", channel_id=alice.channel_id)


def verify(server, file, *options):
    """Runs `mcp-multiplayer verify`; returns its exit status and its text."""
    done = subprocess.run([server, "verify", *options, file], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def expect(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    assert found, f"There is no {pattern!r} in:\n{text}"
    return found


def check(server, receipt, data_dir):
    """Verifies the receipt with a replay; then one byte is altered, and the same must fail."""
    file = receipt["file"]
    status, text = verify(server, file, "--replay")
    assert status == 0, text
    entries = expect(r"^(\d+) entries, from ", text)[1]
    expect(r"^  s1  alice: \d+ entr(y|ies)$", text)
    expect(r"^  s2  bob: \d+ entr(y|ies); the relay's own program$", text)
    hooks = expect(r"^  (\d+) hooks of bots ran; skipped: 0; not run yet: 0$", text)[1]
    expect(r"^  GuessBot said at last: .*$", text)
    expect(rf"^  - The relay \S+ signed exactly these {entries} entries, with the key ed25519:\w+…?\.$", text)
    again = expect(rf"^  - Hooks of (\S+) that were run again here with the source in this file \({hooks}\) had exactly the effects in the log\.$", text)
    expect(r"^Fails\n  nothing$", text)
    assert "replay" not in text[text.index("Cannot be known"):], text
    print(f"  verified: {entries} entries, {hooks} hooks of {again[1]} run again")

    kept = data_dir / "receipts" / Path(file).name
    original = kept.read_bytes()
    place = original.index(b'"text":"') + len(b'"text":"')
    altered = kept.with_name("altered.jsonl")
    altered.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1:])
    status, text = verify(server, str(Path(file).with_name(altered.name)), "--replay")
    assert status == 1, f"A receipt with one byte altered was accepted:\n{text}"
    expect(r"^Fails\n  - ", text)


def main():
    server, data_dir = str(Path(sys.argv[1]) / "mcp-multiplayer"), Path(sys.argv[2])
    log = Path(sys.argv[1]) / "stdio-server.log"
    try:
        receipt = asyncio.run(play(server, log))
        check(server, receipt, data_dir)
    except BaseException:
        for file in (log, data_dir / "relay.log"):
            if file.exists():
                print(f"== {file.name}\n{file.read_text(errors='replace')[-4000:]}", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
