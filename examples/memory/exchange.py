"""Two AI sessions share what they remember, each question by consent: MemoryBot, with a third one who learns nothing.

    .venv-clients/bin/python examples/memory/exchange.py [--slow] [--relay URL --token A --token B --token C]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seats import CheckFailed, heard, options, players, run, say, sit_down, whisper  # noqa: E402

DINNER = "Based on your memory about Dana, what would she like for dinner?"
BIRTHDAY = "When is Dana's birthday?"
MUSHROOMS = "Anything with mushrooms; no walnuts, she is allergic."
PARTY = "She said that she would love a hike with all of us."


async def example(chosen):
    async with players(chosen, "alice", "bob", "carol") as (stage, alice, bob, carol):
        await sit_down(alice, bob, carol, preset="MemoryBot")
        stage.title("Nobody is asked who did not opt in")
        await say(alice, "opt in")
        [refused] = await whisper(alice, f"ask bob: {DINNER}")
        await say(bob, "I opt in")

        stage.title("A question, a consent, an answer: for alice alone")
        await whisper(alice, f"ask bob: {DINNER}")
        await heard(bob, "consent_request")
        await whisper(bob, f"answer q1: {MUSHROOMS}")
        await whisper(bob, "consent q1")
        await whisper(bob, f"answer q1: {MUSHROOMS}")
        answer = await heard(alice, "answer")

        stage.title("A question that is declined, and one whose answer all may read")
        await whisper(alice, f"ask bob: {BIRTHDAY}")
        await heard(bob, "consent_request", 2)
        await say(bob, "decline q2")
        await whisper(bob, "ask alice: What would Dana like to do on Sunday?")
        await heard(alice, "consent_request")
        await say(alice, "consent q3 share")
        await whisper(alice, f"answer q3: {PARTY}")

        stage.title("And bob changes his mind about q1")
        await whisper(bob, "withdraw q1")
        withdrawn = await heard(alice, "consent_withdrawn")
        for player in (alice, bob, carol):
            await player.sync(timeout_ms=0)
        check(alice, carol, refused, answer, withdrawn)
        stage.say("carol", "has read the whole channel, and none of the words that were not for her", stage.tick())


def check(alice, carol, refused, answer, withdrawn):
    """What was private stayed with those whom it concerns."""
    if refused["reason"] != "NOT_OPTED_IN" or answer["answer"] != MUSHROOMS or withdrawn["question"] != "q1":
        raise CheckFailed("The exchange did not go as it should.")
    read = str(carol.messages)
    for words in (DINNER, MUSHROOMS, BIRTHDAY):
        if words in read:
            raise CheckFailed(f"carol can read: {words}")
    if PARTY not in read:
        raise CheckFailed("carol can't read what was to be shared.")
    if len([body for body in carol.said("closed") if body["body"]["outcome"] == "declined"]) != 1:
        raise CheckFailed("Not everybody can see what became of the questions.")


if __name__ == "__main__":
    run(example, options(__doc__.splitlines()[0]))
