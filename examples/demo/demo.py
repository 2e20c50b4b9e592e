"""Two players, one relay, one referee: a whole game through the tools, and its outcome checked by both.

Alice's client launches the stdio server, as Claude Desktop would. Bob's client speaks HTTP and has a token of
his own. The referee is GuessBot. Nobody here looks behind the scenes: what is checked at the end is computed
from what the players were told.

    examples/demo/demo.py [--bin-dir target/debug] [--fast]
"""

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import connect
from check import CheckFailed, check_code, check_commitment, check_game
from player import ToolFailed, over_http, over_stdio
from relay import Relay, Trouble, program, tail
from search import Search
from stage import Stage, short

ROOT = Path(__file__).resolve().parent.parent.parent
GAME_SECONDS = 120

ALICE_REMARKS = ["Right through the middle.", "Half of what is left.", "It can't hide much longer.", "Nearly there!"]


def newest_build():
    """The directory with the programs that were built last."""
    relays = [path for path in ROOT.glob("target/*/mcp-multiplayer-relay") if path.parent.name in ("debug", "release")]
    return max(relays, key=lambda path: path.stat().st_mtime).parent if relays else ROOT / "target/debug"


async def connected_players(stack, relay, server, stage, alice_log):
    """Alice, who is at home on the relay's machine, and Bob, who got a token."""
    token = await relay.create_token("bob")
    environment = {"MCP_MULTIPLAYER_RELAY": relay.url, "DATA_DIR": relay.data_dir}
    alice = await stack.enter_async_context(
        over_stdio("alice", server, env=environment, log=alice_log, watch=stage))
    bob = await stack.enter_async_context(over_http("bob", f"{relay.url}/mcp", token, watch=stage))
    stage.whisper("relay", f"{relay.url}, on a free port, with its data in a temporary directory")
    stage.say("alice", f"her client launches {Path(server).name} over stdio, as Claude Desktop does "
                       f"(MCP {alice.client.protocol_version}); it finds the relay's local token by itself")
    stage.say("bob", f"his client speaks HTTP with {relay.url}/mcp (MCP {bob.client.protocol_version}), "
                     "with a token from `token create --name bob`")
    return alice, bob


async def meet(alice, bob, stage):
    """Alice opens a channel and hands Bob the invite; both read the referee's code before they play."""
    stage.title("They meet")
    created = await alice.call("create_channel", name="A number between friends",
                               slots=["bot:referee", "invite:alice", "invite:bob"],
                               bot_preset="GuessBot", join_as="alice")
    if created.get("bot_errors"):
        raise Trouble("The referee could not be attached: " + created["bot_errors"][0])
    invite = created["invites"][0]
    await stage.pause(1)
    stage.whisper("…", f"alice hands bob the invite code {invite[:8]}…, outside of the channel: a mail, a chat, a note")
    await stage.pause(1)
    await bob.call("join_channel", invite_code=invite)
    await alice.sync()

    stage.title("They read the referee")
    sources = {}
    for player in (alice, bob):
        sources[player.name] = await player.read_code()
        announced = check_code(player.messages, player.referee, sources[player.name])
        lines = len(sources[player.name].splitlines())
        stage.say(player.name, f"computes sha256 of the {lines} lines: {short(announced)}, as the log announced", stage.tick())
        await stage.pause(0.8)
    return sources


async def play(alice, bob, stage):
    """Both at the same time, each on their own, as two AI sessions would."""
    stage.title("They play")
    await alice.post("Hi bob! The referee has drawn, and posted its commitment. May the better search win.", wait_ms=0)
    await bob.post("Hi alice! I have read its source, so I know what it calls “warm”. Good luck!", wait_ms=0)
    halving, listening = Search(reads_hints=False), Search(reads_hints=True)
    remarks = iter(ALICE_REMARKS)

    def bob_remarks(_):
        return f"“{listening.hint[0].upper()}{listening.hint[1:]}”, it said." if listening.hint else ""

    async with asyncio.timeout(GAME_SECONDS), asyncio.TaskGroup() as game:
        game.create_task(alice.play(halving.choose, lambda _: next(remarks, "")))
        game.create_task(bob.play(listening.choose, bob_remarks))
    winner = alice.said("game_end")[0]["body"]["winner"]
    loser = bob if winner == alice.slot_id else alice
    await loser.post("Well played! Before I believe it, I check the referee.", wait_ms=0)
    await asyncio.gather(alice.sync(timeout_ms=0), bob.sync(timeout_ms=0))


async def prove(alice, bob, sources, stage):
    """Each player checks the outcome alone; then one byte is altered, which must show."""
    stage.title("The proof, computed by each player alone")
    for player in (alice, bob):
        announced = check_code(player.messages, player.referee, sources[player.name])
        proof = check_game(player.messages, player.referee)
        stage.say(player.name, f"code: the source that get_bot_code returned hashes to {short(announced)}, "
                               "as the log announced; it was never replaced", stage.tick())
        stage.say(player.name, f"commitment: sha256(\"{proof.target}\" + \"{proof.salt}\") = {short(proof.commitment)}, "
                               f"posted as entry {proof.commit_id}, before the first guess was judged (entry "
                               f"{proof.first_judge_id})", stage.tick())
        stage.say(player.name, f"judgements: all {proof.guesses} fit the number {proof.target}", stage.tick())
        await stage.pause(1.5)

    stage.title("And with one byte altered?")
    refuted("source", lambda: check_code(bob.messages, bob.referee, altered(sources["bob"])), stage)
    refuted("salt", lambda: check_commitment(proof.target, altered(proof.salt), proof.commitment), stage)
    refuted("number", lambda: check_commitment(proof.target ^ 1, proof.salt, proof.commitment), stage)
    await stage.pause(1)


def altered(text):
    """The text with its last letter replaced by another one."""
    return text[:-1] + ("x" if text[-1] != "x" else "y")


def refuted(what, check, stage):
    """Shows that a check fails, as it must."""
    try:
        check()
    except CheckFailed as failure:
        stage.say(what, str(failure), stage.cross())
    else:
        raise Trouble(f"A {what} with one byte altered passed the check. It proves nothing.")


async def show(options, stage):
    """The whole demo. Whatever happens, nothing of it goes on running."""
    relay_program, server = (program(options.bin_dir, name) for name in ("mcp-multiplayer-relay", "mcp-multiplayer"))
    with tempfile.TemporaryDirectory(prefix="mcp-multiplayer-demo-") as data_dir:
        alice_log = Path(data_dir) / "alice.log"
        async with Relay(options.bin_dir, data_dir) as relay:
            try:
                async with asyncio.TaskGroup() as watched:
                    death = watched.create_task(raise_death(relay))
                    async with AsyncExitStack() as stack:
                        players = await connected_players(stack, relay, server, stage, alice_log)
                        sources = await meet(*players, stage)
                        await play(*players, stage)
                        await prove(*players, sources, stage)
                    death.cancel()
            except Exception as error:
                raise explained(error, alice_log, relay.log) from None
    stage.title("Now your own AI")
    stage.line()
    stage.line(connect.instructions(server, relay_program))


async def raise_death(relay):
    raise await relay.death()


def explained(error, alice_log, relay_log):
    """What a person should read of an error, however deep it was."""
    causes = list(leaves(error))
    for kind in (Trouble, CheckFailed, ToolFailed):
        for cause in causes:
            if isinstance(cause, kind):
                return cause if isinstance(cause, Trouble) else Trouble(str(cause))
    reason = "; ".join(f"{type(cause).__name__}: {cause}" for cause in causes)
    return Trouble(f"The demo broke off: {reason}\nAlice's stdio server wrote:\n{tail(alice_log)}\n"
                   f"The relay wrote:\n{tail(relay_log)}")


def leaves(error):
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


async def main():
    parser = argparse.ArgumentParser(description="A whole guessing game of two AI clients, played and checked.")
    parser.add_argument("--bin-dir", type=Path, default=newest_build(), help="where the programs are")
    parser.add_argument("--fast", action="store_true", help="without pauses")
    options = parser.parse_args()
    # The SDK logs what went wrong with its stack; here `explained` has the word.
    logging.disable(logging.CRITICAL)
    this, loop = asyncio.current_task(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, this.cancel)
    stage = Stage(options.fast)
    stage.title("Two AI clients, one relay, one referee that nobody has to trust")
    try:
        await show(options, stage)
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("\nStopped.")
