"""The receipts of both players: fetched from the relay, verified offline, compared, and refused with one byte altered."""

import asyncio
import json
import urllib.request
from pathlib import Path

from relay import CommandError


async def fetch(relay, player, token):
    """Returns the receipt of a player's channel, as the relay makes it for this player."""
    request = urllib.request.Request(f"{relay.url}/receipt?channel_id={player.channel_id}&slot_id={player.slot_id}",
                                     headers={"Authorization": f"Bearer {token}"})

    def get():
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()

    return await asyncio.to_thread(get)


async def verify(server, file, *options):
    """Runs `mcp-multiplayer verify`; returns its exit code and its result."""
    process = await asyncio.create_subprocess_exec(server, "verify", "--json", *options, str(file), stdin=asyncio.subprocess.DEVNULL,
                                                   stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    output, error = await process.communicate()
    if process.returncode not in (0, 1):
        raise CommandError(f"{server} verify failed with code {process.returncode}:\n{error.decode(errors='replace').strip()}")
    return process.returncode, json.loads(output)


def checkpoint(receipt):
    """The signed statement in the last line of a receipt."""
    return json.loads(receipt.splitlines()[-1])["checkpoint"]


async def verify_receipts(relay, server, directory, players, screen):
    """Verifies the receipt of each player, who are given with their tokens."""
    screen.title("Each player keeps a receipt, which anybody can verify offline")
    receipts = []
    for player, token in players:
        receipt, file = await fetch(relay, player, token), Path(directory) / f"{player.name}.jsonl"
        file.write_bytes(receipt)
        receipts.append(receipt)
        code, report = await verify(server, file, "--replay")
        if code:
            raise CommandError(f"The receipt of {player.name} does not hold: " + " ".join(report["fails"]))
        screen.note("…", f"{Path(server).name} verify --replay {file.name}")
        for sentence in report["holds"]:
            screen.show(player.name, sentence, screen.tick())
        await screen.pause(1)
    if checkpoint(receipts[0]) != checkpoint(receipts[1]):
        raise CommandError("The relay signed two different logs for the two players.")
    screen.show("both", "the relay signed the same log for both: " + checkpoint(receipts[0]).splitlines()[2], screen.tick())

    screen.title("The receipt with one byte altered")
    place = receipts[0].index(b'"text":"') + len(b'"text":"')
    altered = receipts[0][:place] + bytes([receipts[0][place] ^ 1]) + receipts[0][place + 1:]
    file.write_bytes(altered)
    code, report = await verify(server, file)
    if not code:
        raise CommandError("A receipt with one byte altered was accepted, so it proves nothing.")
    screen.show("receipt", report["fails"][0], screen.cross())
