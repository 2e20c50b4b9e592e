"""TriviaBot: carol hands the bot a sealed pack of questions; alice and bob answer, and check that nothing was changed.

    .venv-clients/bin/python examples/trivia/play.py [--slow] [--relay URL --token C --token A --token B]
"""

import asyncio
import hashlib
import json
import secrets
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import CheckFailed, create_and_join, dm, parse_options, players, run, wait_for_post  # noqa: E402

QUESTIONS = [
    {"question": "Which of these animals is a mammal?", "choices": ["penguin", "dolphin", "trout"], "answers": ["dolphin"]},
    {"question": "In which city is the Prado?", "answers": ["Madrid"]},
    {"question": "How many legs does a spider have?", "answers": ["8"]},
    {"question": "Which metal is liquid at 20 degrees Celsius?", "choices": ["tin", "lead", "mercury"], "answers": ["mercury"]},
]
# bob is wrong once.
KNOWN = {"alice": ["B", "madrid", "eight", "mercury"], "bob": ["dolphin", "It is Barcelona.", "8", "C"]}


def canonical(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def hash_of(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


async def hand_over(quizmaster, pack):
    """Sends the pack by private message, once the players are there."""
    await wait_for_post(quizmaster, "pack_awaited")
    await quizmaster.call("dm_bot", channel_id=quizmaster.channel_id, bot_id=quizmaster.referee, message="Here is the pack.",
                          data={"pack": pack}, cursor=quizmaster.cursor, wait_ms=10_000, include_own=True)


async def play(player):
    """Answers each question by private message."""
    answered = 0
    while not player.referee_posts("game_end"):
        asked = player.referee_posts("question")
        if asked and asked[-1]["body"]["turn_id"] > answered:
            answered = asked[-1]["body"]["turn_id"]
            place = [each["question"] for each in QUESTIONS].index(asked[-1]["body"]["question"])
            await dm(player, KNOWN[player.name][place])
        else:
            await player.sync()


def opened(proof, commitment):
    """Returns the value of an opened commitment."""
    if hash_of(f"{proof['text']}|{proof['salt']}") != commitment:
        raise CheckFailed(f"An opened value does not match the commitment {commitment}.")
    return json.loads(proof["text"])


def check_game(player, pack_hash, right):
    """Checks the pack, each commitment, each answer and the points. `right` is the judge of the bot's source."""
    start, end = (player.referee_posts(kind)[-1]["body"] for kind in ("game_start", "game_end"))
    pack = player.referee_posts("pack_opened")[-1]["body"]["pack"]
    if not hash_of(canonical(pack)) == start["pack_hash"] == pack_hash:
        raise CheckFailed("The pack is not the one whose hash is in the terms.")
    known = {each["question"]: each for each in pack["questions"]}
    first_answer = min(message["id"] for message in player.referee_posts("answered"))
    if player.referee_posts("game_start")[-1]["id"] > first_answer:
        raise CheckFailed("The bot committed to the questions after the first answer.")
    scores = dict.fromkeys(start["players"], 0)
    asked = [message["body"] for message in player.referee_posts("question")]
    results = [message["body"] for message in player.referee_posts("result")]
    for commitment, question, result in zip(start["commitments"], asked, results, strict=True):
        value = opened(question["proof"], commitment["question"])
        answers = opened(result["proof"], commitment["answers"])
        if value != [question["question"], question["choices"]] or question["question"] not in known:
            raise CheckFailed(f"This question is not of the pack: {question['question']}")
        for slot_id, given in result["answers"].items():
            scores[slot_id] += right(given, answers)
    if scores != end["scores"]:
        raise CheckFailed(f"The points are {scores}, but the bot says {end['scores']}.")
    return end


async def example(options):
    pack = {"salt": secrets.token_hex(16), "questions": QUESTIONS}
    pack_hash = hash_of(canonical(pack))
    async with players(options, "carol", "alice", "bob") as (screen, carol, alice, bob):
        screen.title("The parameters have only the hash of the pack")
        await create_and_join(carol, alice, bob, preset="TriviaBot",
                              params={"pack_hash": pack_hash, "quizmaster": "carol", "turn_seconds": 60})
        screen.title("carol hands the pack to the bot, and alice and bob answer in private")
        async with asyncio.timeout(120):
            await asyncio.gather(hand_over(carol, pack), play(alice), play(bob))
        source = {}
        exec(await alice.read_code(), source)
        for player in (alice, bob):
            end = check_game(player, pack_hash, source["is_right"])
            screen.show(player.name, f"the pack, every commitment and the points are right: {end['scores']}", screen.tick())
        if end["winner"] != alice.slot_id or end["scores"] != {alice.slot_id: 4, bob.slot_id: 3}:
            raise CheckFailed(f"alice knew everything, and bob all but one: {end}")


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0]))
