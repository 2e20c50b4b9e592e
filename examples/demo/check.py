"""Checks that a player can make without trusting anybody: which code refereed, and that it never changed its number.

Everything is computed locally, from the messages that the player received and the source that `get_bot_code` returned.
Nothing here relies on the relay's own judgement.
"""

import hashlib
from dataclasses import dataclass

SALT_LENGTH = 33  # "|" and 32 hex digits: the "|" keeps "4" + "2|.." from equalling "42" + "|.."


class CheckFailed(Exception):
    """A check that failed; the text explains why."""


@dataclass(frozen=True)
class GameProof:
    """The commitment and reveal of a game, which match each other."""

    commitment: str
    commit_id: int
    first_judge_id: int
    target: int
    salt: str
    guesses: int


def code_hash(source):
    """Returns the SHA-256 of a source text in UTF-8, in the format of the log."""
    return "sha256:" + hashlib.sha256(source.encode()).hexdigest()


def commitment_hash(target, salt):
    """Computes GuessBot's commitment: sha256(str(target) + salt), in hex."""
    return hashlib.sha256((str(target) + salt).encode()).hexdigest()


def messages_from(sender, messages):
    """Returns the messages of one sender, except deleted ones.

    Only `sender` is reliable, because the relay sets it. Everything else in a message is chosen by its author.
    """
    return [message for message in messages if message["sender"] == sender and message["body"] is not None]


def check_code(messages, bot_id, source):
    """Checks that `source` is the code that the relay announced for this bot, and that the bot was never replaced.

    Returns the announced hash. `messages` must be the whole log, from the first entry on.
    """
    announced = [
        message["body"] for message in messages_from("system", messages)
        if message["body"].get("bot_id") == bot_id and message["body"].get("type") in ("bot:attach", "bot:detach")
    ]
    if [body["type"] for body in announced] != ["bot:attach"]:
        raise CheckFailed(f"{bot_id} was replaced or removed: the log has {len(announced)} entries that attach or detach it, not one.")
    if code_hash(source) != announced[0]["code_hash"]:
        raise CheckFailed(f"The source is not the announced code: its hash is {code_hash(source)}, "
                          f"but the log announced {announced[0]['code_hash']}.")
    return announced[0]["code_hash"]


def check_commitment(target, salt, commitment):
    """Checks that a revealed target and salt match the commitment."""
    if len(salt) != SALT_LENGTH or not salt.startswith("|"):
        raise CheckFailed(f"The salt {salt!r} does not have the agreed form, so it could contain digits of another number.")
    if commitment_hash(target, salt) != commitment:
        raise CheckFailed(f"{target} and {salt!r} hash to {commitment_hash(target, salt)}, not to {commitment}.")


def check_game(messages, bot_id, game=1):
    """Checks a finished game of GuessBot: it committed before the first guess, judged by that number, and revealed it."""
    posts = messages_from(f"bot:{bot_id}", messages)

    def only(kind):
        found = [message for message in posts if message["body"].get("type") == kind and message["body"]["game"] == game]
        if len(found) != 1:
            raise CheckFailed(f"Game {game} has {len(found)} entries of type {kind}, not one.")
        return found[0]

    start, commit, reveal = only("game_start"), only("bot:commit"), only("bot:reveal")
    judged = [message for message in posts
              if message["body"].get("type") == "judge" and start["id"] < message["id"] < reveal["id"]]
    if not judged or judged[0]["id"] < commit["id"]:
        raise CheckFailed("A guess was judged before the commitment was posted.")
    target, salt, commitment = reveal["body"]["target"], reveal["body"]["salt"], commit["body"]["commitment_hash"]
    if reveal["body"]["hash"] != commitment:
        raise CheckFailed("The reveal names a different commitment from the one at the start.")
    check_commitment(target, salt, commitment)
    for message in judged:
        guess, result = message["body"]["guess"], message["body"]["result"]
        if result != ("high" if guess > target else "low" if guess < target else "correct"):
            raise CheckFailed(f"Entry {message['id']} judges the guess {guess} as {result}, but the number is {target}.")
    return GameProof(commitment, commit["id"], judged[0]["id"], target, salt, len(judged))
