"""Finds the entries that the person whom a receipt was made for could read (PROTOCOL.md, `holder` in "Receipts")."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from operator import attrgetter

HOLDER = re.compile(r"(?P<slots>s[0-9]{1,2}(, s[0-9]{1,2})*)(, until entry (?P<end>[1-9][0-9]{0,15}))?\Z")


@dataclass
class Stay:
    """The time of one principal in a seat: a tenure, or a part of it."""

    slot_id: str
    player: str
    tenure: int  # id of the `member:join`
    began: int  # id of the `member:join`, or of the `member:rejoin`
    ended: int | None = None

    def has(self, envelope):
        """Returns whether this private entry is from or to this principal."""
        is_during = self.began < envelope["id"] and (self.ended is None or envelope["id"] <= self.ended)
        return is_during and (envelope["sender"] == self.slot_id or (envelope["to_slot"], envelope["to_tenure"]) == (self.slot_id, self.tenure))


def stays_of(holder, stays):
    """Returns the stays of the holder that a header names; none if it names no seat of the log."""
    found = HOLDER.match(holder)
    if not found:
        return []
    slots = found["slots"].split(", ")
    if found["end"] is None:
        return [stay for stay in stays if stay.slot_id in slots and stay.ended is None]
    end = int(found["end"])
    players = {stay.player for stay in stays if stay.slot_id in slots and stay.ended == end}
    return [stay for stay in stays if stay.slot_id in slots and stay.player in players and stay.ended is not None]


def own_entries(stays, envelopes):
    """Returns the ids of those of these private entries that are from or to the principal of these stays."""
    by_slot = {}
    for stay in stays:
        by_slot.setdefault(stay.slot_id, []).append(stay)  # in the order of their beginnings

    def is_own(envelope):
        found = by_slot.get(envelope["sender"] if envelope["to_tenure"] is None else envelope["to_slot"], [])
        place = bisect_left(found, envelope["id"], key=attrgetter("began"))
        return place > 0 and found[place - 1].has(envelope)
    return {envelope["id"] for envelope in envelopes if is_own(envelope)}
