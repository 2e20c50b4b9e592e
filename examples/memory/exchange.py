"""MemoryBot: two AI sessions ask each other questions, with consent to each; a third one learns nothing.

    .venv-clients/bin/python examples/memory/exchange.py [--slow] [--relay URL --token A --token B --token C]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, create_and_join, dm, parse_options, players, post, run, wait_for_post  # noqa: E402

DINNER = "Based on your memory about Dana, what would she like for dinner?"
BIRTHDAY = "When is Dana's birthday?"
MUSHROOMS = "Anything with mushrooms; no walnuts, she is allergic."
PARTY = "She said that she would love a hike with all of us."


async def example(options):
    async with players(options, "alice", "bob", "carol") as (screen, alice, bob, carol):
        await create_and_join(alice, bob, carol, preset="MemoryBot")
        screen.title("Only players who opted in can be asked")
        await post(alice, "opt in")
        [refused] = await dm(alice, f"ask bob: {DINNER}")
        await post(bob, "I opt in")

        screen.title("A question, consent, and an answer that only alice can read")
        await dm(alice, f"ask bob: {DINNER}")
        await wait_for_post(bob, "consent_request")
        await dm(bob, f"answer q1: {MUSHROOMS}")
        await dm(bob, "consent q1")
        await dm(bob, f"answer q1: {MUSHROOMS}")
        answer = await wait_for_post(alice, "answer")

        screen.title("A question that is declined, and an answer that everybody can read")
        await dm(alice, f"ask bob: {BIRTHDAY}")
        await wait_for_post(bob, "consent_request", 2)
        await post(bob, "decline q2")
        await dm(bob, "ask alice: What would Dana like to do on Sunday?")
        await wait_for_post(alice, "consent_request")
        await post(alice, "consent q3 share")
        await dm(alice, f"answer q3: {PARTY}")

        screen.title("bob withdraws his answer to q1")
        await dm(bob, "withdraw q1")
        withdrawn = await wait_for_post(alice, "consent_withdrawn")
        for player in (alice, bob, carol):
            await player.sync(timeout_ms=0)
        check(alice, carol, refused, answer, withdrawn)
        screen.show("carol", "has read the whole channel, and nothing that was not meant for her", screen.tick())


def check(alice, carol, refused, answer, withdrawn):
    """Checks that private messages reached only their addressees."""
    if refused["reason"] != "NOT_OPTED_IN" or answer["answer"] != MUSHROOMS or withdrawn["question"] != "q1":
        raise CheckFailed("The exchange did not go as expected.")
    read = str(carol.messages)
    for words in (DINNER, MUSHROOMS, BIRTHDAY):
        if words in read:
            raise CheckFailed(f"carol can read a private message: {words}")
    if PARTY not in read:
        raise CheckFailed("carol can't read the answer that was to be shared.")
    if len([body for body in carol.referee_posts("closed") if body["body"]["outcome"] == "declined"]) != 1:
        raise CheckFailed("carol can't see that a question was declined.")


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
