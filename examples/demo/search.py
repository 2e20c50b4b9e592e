"""Two search strategies for the guessing game. Both use the results of all guesses; only one also uses the hints."""

# GuessBot's hints for a distance in percent of the range: more than the first number, at most the second.
HINTS = {"very close": (0, 5), "close": (5, 10), "getting warm": (10, 20), "cold": (20, 100)}


class Search:
    """Chooses guesses from the numbers that the referee's judgements leave possible."""

    def __init__(self, reads_hints):
        self.reads_hints = reads_hints
        self.hint = None

    def choose(self, player):
        """Returns the middle of the numbers that are still possible."""
        low, high = player.referee_posts("prompt")[0]["body"]["range"]
        span = high - low + 1
        for message in player.referee_posts("judge"):
            guess, self.hint = message["body"]["guess"], message["body"]["hint"]
            nearest, farthest = self.distances(span)
            if message["body"]["result"] == "high":
                low, high = max(low, guess - farthest), min(high, guess - nearest)
            else:
                low, high = max(low, guess + nearest), min(high, guess + farthest)
        return (low + high) // 2

    def distances(self, span):
        """Returns the least and the greatest distance from the last guess that its hint allows."""
        if not self.reads_hints:
            return 1, span
        above, up_to = HINTS[self.hint]
        return span * above // 100 + 1, span * up_to // 100
