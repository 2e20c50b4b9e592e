"""The demo: two players and a referee play a whole game through a relay, and both players verify the outcome.

Alice's client launches the stdio server, as Claude Desktop would. Bob's client uses HTTP and a token of his own. The
referee is GuessBot. The checks at the end use only what the players received: by the tools, and in their receipts.

    examples/demo/demo.py [--bin-dir target/debug] [--fast]
"""

import argparse
import asyncio
import logging
import secrets
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import connect
from check import CheckFailed, check_code, check_commitment, check_game
from player import ToolFailed, over_http, over_stdio
from receipts import verify_receipts
from relay import CommandError, Relay, program, tail
from search import Search
from screen import Screen, short

ROOT = Path(__file__).resolve().parent.parent.parent
GAME_SECONDS = 120

ALICE_REMARKS = ["Right through the middle.", "Half of what is left.", "It can't hide much longer.", "Nearly there!"]


def newest_build():
    """Returns the directory of the most recently built programs."""
    relays = [path for path in ROOT.glob("target/*/mcp-multiplayer-relay") if path.parent.name in ("debug", "release")]
    return max(relays, key=lambda path: path.stat().st_mtime).parent if relays else ROOT / "target/debug"


async def connected_players(stack, relay, server, screen, alice_log):
    """Connects Alice, the user of the relay's machine, and Bob, who has a token."""
    token = await relay.create_token("bob")
    environment = {"MCP_MULTIPLAYER_RELAY": relay.url, "DATA_DIR": relay.data_dir}
    alice = await stack.enter_async_context(
        over_stdio("alice", server, env=environment, log=alice_log, observer=screen))
    bob = await stack.enter_async_context(over_http("bob", f"{relay.url}/mcp", token, observer=screen))
    screen.note("relay", f"{relay.url}, on a free port, with its data in a temporary directory")
    screen.show("alice", f"her client launches {Path(server).name} over stdio, as Claude Desktop does "
                         f"(MCP {alice.client.protocol_version}); it reads the relay's local token from its file")
    screen.show("bob", f"his client talks HTTP to {relay.url}/mcp (MCP {bob.client.protocol_version}), "
                       "with a token from `token create --name bob`")
    return (alice, relay.local_token), (bob, token)


async def open_channel(alice, bob, screen):
    """Alice creates a channel and gives Bob the invite; both read the referee's code before they play."""
    screen.title("Alice opens a channel and invites Bob")
    created = await alice.call("create_channel", name="A number between friends",
                               slots=["bot:referee", "invite:alice", "invite:bob"],
                               bot_preset="GuessBot", join_as="alice")
    if created.get("bot_errors"):
        raise CommandError("The referee could not be attached: " + created["bot_errors"][0])
    invite = created["invites"][0]
    await screen.pause(1)
    screen.note("…", f"alice sends bob the invite code {invite[:8]}… by other means, such as mail or chat")
    await screen.pause(1)
    # A stdio server contributes to the referee's draw by itself; a client over HTTP does so with an argument.
    await bob.call("join_channel", invite_code=invite, entropy=secrets.token_hex(16))
    await alice.sync()

    screen.title("Both read the referee's code")
    sources = {}
    for player in (alice, bob):
        sources[player.name] = await player.read_code()
        announced = check_code(await player.read_log(), player.referee, sources[player.name])
        lines = len(sources[player.name].splitlines())
        screen.show(player.name, f"computes sha256 of the {lines} lines: {short(announced)}, which is the hash in the log", screen.tick())
        await screen.pause(0.8)
    return sources


async def play(alice, bob, screen):
    """Both play at the same time and independently, as two AI sessions would."""
    screen.title("The game")
    await alice.post("Hi bob! The referee has drawn a number and posted its commitment. May the better search win!", wait_ms=0)
    await bob.post("Hi alice! I have read its source, so I know what it calls “warm”. Good luck!", wait_ms=0)
    without_hints, with_hints = Search(reads_hints=False), Search(reads_hints=True)
    remarks = iter(ALICE_REMARKS)

    def bob_remarks(_):
        return f"The hint was “{with_hints.hint}”." if with_hints.hint else ""

    async with asyncio.timeout(GAME_SECONDS), asyncio.TaskGroup() as game:
        game.create_task(alice.play(without_hints.choose, lambda _: next(remarks, "")))
        game.create_task(bob.play(with_hints.choose, bob_remarks))
    winner = alice.referee_posts("game_end")[0]["body"]["winner"]
    loser = bob if winner == alice.slot_id else alice
    await loser.post("Well played! Now I am going to check the referee.", wait_ms=0)
    await asyncio.gather(alice.sync(timeout_ms=0), bob.sync(timeout_ms=0))


async def verify_outcome(alice, bob, sources, screen):
    """Each player verifies the outcome; then one byte is altered, and the checks must fail."""
    screen.title("Each player verifies the outcome")
    for player in (alice, bob):
        log = await player.read_log()
        announced = check_code(log, player.referee, sources[player.name])
        proof = check_game(log, player.referee)
        screen.show(player.name, f"code: the source from get_bot_code has the hash {short(announced)}, "
                                 "as announced in the log, and it was never replaced", screen.tick())
        screen.show(player.name, f"commitment: sha256(\"{proof.target}\" + \"{proof.salt}\") = {short(proof.commitment)}, "
                                 f"posted as entry {proof.commit_id}, before the first guess was judged (entry "
                                 f"{proof.first_judge_id})", screen.tick())
        screen.show(player.name, f"judgements: all {proof.guesses} are correct for the number {proof.target}", screen.tick())
        await screen.pause(1.5)

    screen.title("The same checks with one byte altered")
    expect_failure("source", lambda: check_code(log, bob.referee, altered(sources["bob"])), screen)
    expect_failure("salt", lambda: check_commitment(proof.target, altered(proof.salt), proof.commitment), screen)
    expect_failure("number", lambda: check_commitment(proof.target ^ 1, proof.salt, proof.commitment), screen)
    await screen.pause(1)


def altered(text):
    """Returns the text with its last character changed."""
    return text[:-1] + ("x" if text[-1] != "x" else "y")


def expect_failure(name, check, screen):
    """Runs a check that must fail, and shows its message."""
    try:
        check()
    except CheckFailed as failure:
        screen.show(name, str(failure), screen.cross())
    else:
        raise CommandError(f"A {name} with one byte altered passed the check, so the check proves nothing.")


async def run_demo(options, screen):
    """Runs the whole demo. All its processes have ended when it returns or raises."""
    relay_program, server = (program(options.bin_dir, name) for name in ("mcp-multiplayer-relay", "mcp-multiplayer"))
    with tempfile.TemporaryDirectory(prefix="mcp-multiplayer-demo-") as data_dir:
        alice_log = Path(data_dir) / "alice.log"
        async with Relay(options.bin_dir, data_dir) as relay:
            try:
                async with asyncio.TaskGroup() as tasks:
                    exit_watcher = tasks.create_task(raise_on_exit(relay))
                    async with AsyncExitStack() as stack:
                        connected = await connected_players(stack, relay, server, screen, alice_log)
                        players = [player for player, _ in connected]
                        sources = await open_channel(*players, screen)
                        await play(*players, screen)
                        await verify_outcome(*players, sources, screen)
                        await verify_receipts(relay, server, data_dir, connected, screen)
                    exit_watcher.cancel()
            except Exception as error:
                raise command_error(error, alice_log, relay.log) from None
    screen.title("Connect your own AI")
    screen.line()
    screen.line(connect.instructions(server, relay_program))


async def raise_on_exit(relay):
    raise await relay.unexpected_exit()


def command_error(error, alice_log, relay_log):
    """Turns any error, also one inside exception groups, into a message for the user."""
    causes = list(leaf_exceptions(error))
    for kind in (CommandError, CheckFailed):
        for cause in causes:
            if isinstance(cause, kind):
                return cause if isinstance(cause, CommandError) else CommandError(str(cause))
    for cause in causes:
        if isinstance(cause, ToolFailed):
            # What the relay answered is for players; its log says what the operator can do.
            return CommandError(f"{cause}\nThe log of the relay:\n{tail(relay_log)}")
    reason = "; ".join(f"{type(cause).__name__}: {cause}" for cause in causes)
    return CommandError(f"The demo failed: {reason}\nThe log of Alice's stdio server:\n{tail(alice_log)}\n"
                        f"The log of the relay:\n{tail(relay_log)}")


def leaf_exceptions(error):
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaf_exceptions(inner)
    else:
        yield error


async def main():
    parser = argparse.ArgumentParser(description="Plays a whole guessing game between two AI clients, and verifies its outcome.")
    parser.add_argument("--bin-dir", type=Path, default=newest_build(), help="directory of the built programs")
    parser.add_argument("--fast", action="store_true", help="without pauses")
    options = parser.parse_args()
    # The SDK logs errors with stack traces; here `command_error` reports them.
    logging.disable(logging.CRITICAL)
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    screen = Screen(options.fast)
    screen.title("Two AI clients, one relay, and a referee that nobody has to trust")
    try:
        await run_demo(options, screen)
    except CommandError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("\nStopped.")
