"""Two ways to look for a number. Both listen to everybody's guesses; only one has understood the hints."""

# What GuessBot's source calls a distance, by its percentage of the range: more than the first, up to the second.
HINTS = {"very close": (0, 5), "close": (5, 10), "getting warm": (10, 20), "cold": (20, 100)}


class Search:
    """The numbers that are still possible, by what the referee said."""

    def __init__(self, reads_hints):
        self.reads_hints = reads_hints
        self.hint = None

    def choose(self, player):
        """The middle one of the numbers that are left."""
        low, high = player.said("prompt")[0]["body"]["range"]
        span = high - low + 1
        for message in player.said("judge"):
            guess, self.hint = message["body"]["guess"], message["body"]["hint"]
            nearest, farthest = self.distances(span)
            if message["body"]["result"] == "high":
                low, high = max(low, guess - farthest), min(high, guess - nearest)
            else:
                low, high = max(low, guess + nearest), min(high, guess + farthest)
        return (low + high) // 2

    def distances(self, span):
        """How far from the guess the number is, by the hint; without it, all that is known is that it is elsewhere."""
        if not self.reads_hints:
            return 1, span
        above, up_to = HINTS[self.hint]
        return span * above // 100 + 1, span * up_to // 100
