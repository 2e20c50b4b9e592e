"""Verifies a round of BlackjackBot: every card, the dealer's play, and the payments.

Everything is computed locally, from the messages that the player received.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demo"))

from check import CheckFailed, messages_from  # noqa: E402

RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
DECK = [rank + suit for rank in RANKS for suit in "SHDC"]


@dataclass(frozen=True)
class RoundProof:
    """A verified round: all its cards come from the committed shoe."""

    commitment: str
    cards: int
    shown: int
    hole: str


def check_commitment(text, salt, commitment):
    if "sha256:" + hashlib.sha256(f"{text}|{salt}".encode()).hexdigest() != commitment:
        raise CheckFailed(f"{text[:60]} and its salt do not match the commitment {commitment}.")


def points(cards):
    """Returns (total, soft) of a hand: an ace counts 11 unless the hand would be over 21."""
    values = [11 if card[:-1] == "A" else 10 if card[:-1] in "JQK" else int(card[:-1]) for card in cards]
    total, aces = sum(values), values.count(11)
    while total > 21 and aces:
        total, aces = total - 10, aces - 1
    return total, aces > 0


def check_round(messages, bot_id, number=1):
    """Checks a finished round: the shoe was committed to before the deal, and every card came from it."""
    posts_of_bot = messages_from(f"bot:{bot_id}", messages)
    posts_by_type = {}
    for kind in ("round_start", "dealt", "dealer", "round_end", "shoe_opened"):
        found = [message for message in posts_of_bot if message["body"].get("type") == kind and message["body"]["round"] == number]
        if len(found) != 1:
            raise CheckFailed(f"Round {number} has {len(found)} entries of type {kind}, not one.")
        posts_by_type[kind] = found[0]
    if [post["id"] for post in posts_by_type.values()] != sorted(post["id"] for post in posts_by_type.values()):
        raise CheckFailed("The entries of the round are out of order: the commitment must come before the cards.")
    start, dealt, dealer, end, opened = [post["body"] for post in posts_by_type.values()]
    [rules] = [message["body"]["rules"] for message in posts_of_bot if message["body"].get("type") == "rules"]

    shoe = opened["shoe"]
    check_commitment(json.dumps(shoe, separators=(",", ":")), opened["salt"], start["commitment"])
    if sorted(shoe) != sorted(DECK * rules["decks"]):
        raise CheckFailed(f"The shoe does not consist of {rules['decks']} whole decks.")

    check_commitment(dealer["hole"]["text"], dealer["hole"]["salt"], dealt["dealer"]["hole_commitment"])
    hole, card = json.loads(dealer["hole"]["text"])
    if [hole, card] != [dealer["cards"][1]["place"], dealer["cards"][1]["card"]]:
        raise CheckFailed("The revealed hole card is not the one that was committed to.")
    shown = {}
    for message in posts_of_bot:
        if posts_by_type["round_start"]["id"] <= message["id"] <= posts_by_type["round_end"]["id"]:
            for place, card in cards_in(message["body"]):
                if not (0 <= place < len(shoe)) or shoe[place] != card:
                    raise CheckFailed(f"Entry {message['id']} shows {card} as card {place}, but the shoe has a different card there.")
                if place == hole and message["id"] < posts_by_type["dealer"]["id"]:
                    raise CheckFailed("The hole card was shown before the dealer played.")
                shown[place] = card
    if sorted(shown) != list(range(opened["dealt"])):
        raise CheckFailed("The cards were not dealt in order from the front of the shoe.")
    check_dealer(dealer, end, rules)
    for result in end["results"]:
        check_result(result, dealer)
    return RoundProof(start["commitment"], len(shoe), len(shown), shoe[hole])


def cards_in(value):
    """Yields every card in a post, as (place in the shoe, card)."""
    if isinstance(value, dict):
        if set(value) == {"place", "card"}:
            yield value["place"], value["card"]
        for each in value.values():
            yield from cards_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from cards_in(each)


def check_dealer(dealer, end, rules):
    """Checks that the dealer drew by the rules, or not at all if no player was left in the round."""
    cards = [each["card"] for each in dealer["cards"]]
    if points(cards)[0] != dealer["total"]:
        raise CheckFailed("The dealer's total is wrong.")
    played = any(result["total"] <= 21 and not natural(result) for result in end["results"])
    for count in range(2, len(cards) + 1):
        total, soft = points(cards[:count])
        draws = played and (total < 17 or (total == 17 and soft and rules["hit_soft_17"]))
        if draws != (count < len(cards)):
            raise CheckFailed(f"With {total}, the dealer had to {'draw' if draws else 'stand'}.")


def natural(result):
    return not result["split"] and len(result["cards"]) == 2 and result["total"] == 21


def check_result(result, dealer):
    total, bet, other = points([each["card"] for each in result["cards"]])[0], result["bet"], dealer["total"]
    dealers_natural = other == 21 and len(dealer["cards"]) == 2
    if total > 21:
        net = -bet
    elif natural(result) or dealers_natural:
        net = 0 if natural(result) and dealers_natural else bet * 3 // 2 if natural(result) else -bet
    else:
        net = bet if other > 21 or total > other else 0 if total == other else -bet
    if (result["total"], result["net"]) != (total, net):
        raise CheckFailed(f"{result['player']} with {total} against {other} must be paid {net:+d}, not {result['net']:+d}.")
