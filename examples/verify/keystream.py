"""Follows a bot's place in its keystream, and checks which bytes a hook says that it drew (PROTOCOL.md, `drawn` of `bot:ran`)."""

from collections import deque
from dataclasses import dataclass

from canonical import Malformed


@dataclass
class Keystream:
    """The place where the next hook of a bot begins to draw."""

    epoch: int = 0
    is_open: bool = False  # whether it contains what players gave
    position: int = 0
    opening: int | None = None  # the `entropy:open` that opens it for the hooks which that entry and later ones start

    def open_at(self, entry):
        """Notes an `entropy:open`."""
        self.opening = entry if self.opening is None else self.opening

    def advance(self, trigger, reveals, drawn):
        """Moves on by a hook that this entry started, which revealed so many seeds and drew these ranges."""
        if self.opening is not None and self.opening <= trigger:
            self.opening = None
            if not self.is_open:
                self.is_open, self.position = True, 0
        ranges = deque(drawn)
        self._draw(ranges)
        for _ in range(reveals):
            self.epoch, self.is_open, self.position = self.epoch + 1, False, 0
            self._draw(ranges)
        if ranges:
            raise Malformed(f"the hook drew from epoch {ranges[0]['epoch']} of its keystream, where the bot was not")

    def _draw(self, ranges):
        """Takes the first range, if it is of the present epoch."""
        if not ranges or (ranges[0]["epoch"], ranges[0]["open"]) != (self.epoch, self.is_open):
            return
        drawn = ranges.popleft()
        if drawn["from"] != self.position or drawn["to"] <= drawn["from"]:
            raise Malformed(f"the hook drew from its keystream out of order: the bot was at byte {self.position}")
        self.position = drawn["to"]
