"""What a player can check without trusting anybody: which code refereed, and that it kept to its number.

All of this is computed on the player's own side, from the messages that the player got and the source that
`get_bot_code` returned. Nothing here asks the relay for an opinion.
"""

import hashlib
from dataclasses import dataclass

SALT_LENGTH = 33  # "|" and 32 hex digits, so that "4" + "2|.." can't be read as "42" + "|.."


class CheckFailed(Exception):
    """Something does not fit; the text says what."""


@dataclass(frozen=True)
class GameProof:
    """A game's commitment and reveal, which fit."""

    commitment: str
    commit_id: int
    first_judge_id: int
    target: int
    salt: str
    guesses: int


def code_hash(source):
    """The SHA-256 of a source text in UTF-8, as a log writes it."""
    return "sha256:" + hashlib.sha256(source.encode()).hexdigest()


def commitment_hash(target, salt):
    """GuessBot's formula: sha256(str(target) + salt), in hex."""
    return hashlib.sha256((str(target) + salt).encode()).hexdigest()


def said_by(sender, messages):
    """A sender's messages, deleted ones left out. The relay sets `sender`; all else is what somebody claims."""
    return [message for message in messages if message["sender"] == sender and message["body"] is not None]


def check_code(messages, bot_id, source):
    """Checks that `source` is what the relay announced as this bot's code, and that it never changed.

    Returns the announced hash. `messages` must be the whole log, from its first entry on.
    """
    announced = [
        message["body"] for message in said_by("system", messages)
        if message["body"].get("bot_id") == bot_id and message["body"].get("type") in ("bot:attach", "bot:detach")
    ]
    if [body["type"] for body in announced] != ["bot:attach"]:
        raise CheckFailed(f"{bot_id} was not attached once and left in place: {len(announced)} entries say otherwise.")
    if code_hash(source) != announced[0]["code_hash"]:
        raise CheckFailed(f"The source is not the announced code: its hash is {code_hash(source)}, "
                          f"the log says {announced[0]['code_hash']}.")
    return announced[0]["code_hash"]


def check_commitment(target, salt, commitment):
    """Checks that a revealed target and salt are those that were committed to."""
    if len(salt) != SALT_LENGTH or not salt.startswith("|"):
        raise CheckFailed(f"The salt {salt!r} has not the agreed form, so it could hide digits of another number.")
    if commitment_hash(target, salt) != commitment:
        raise CheckFailed(f"{target} and {salt!r} give {commitment_hash(target, salt)}, not {commitment}.")


def check_game(messages, bot_id, game=1):
    """Checks a finished game of GuessBot: committed first, judged by the committed number, revealed in the end."""
    said = said_by(f"bot:{bot_id}", messages)

    def the_one(kind):
        found = [message for message in said if message["body"].get("type") == kind and message["body"]["game"] == game]
        if len(found) != 1:
            raise CheckFailed(f"Game {game} has {len(found)} entries {kind}, not one.")
        return found[0]

    start, commit, reveal = the_one("game_start"), the_one("bot:commit"), the_one("bot:reveal")
    judged = [message for message in said
              if message["body"].get("type") == "judge" and start["id"] < message["id"] < reveal["id"]]
    if not judged or judged[0]["id"] < commit["id"]:
        raise CheckFailed("A guess was judged before the commitment was there.")
    target, salt, commitment = reveal["body"]["target"], reveal["body"]["salt"], commit["body"]["commitment_hash"]
    if reveal["body"]["hash"] != commitment:
        raise CheckFailed("The reveal names another commitment than the one from the start.")
    check_commitment(target, salt, commitment)
    for message in judged:
        guess, result = message["body"]["guess"], message["body"]["result"]
        if result != ("high" if guess > target else "low" if guess < target else "correct"):
            raise CheckFailed(f"Entry {message['id']} calls the guess {guess} {result}, but the number is {target}.")
    return GameProof(commitment, commit["id"], judged[0]["id"], target, salt, len(judged))
