"""Two ways to look for a number. Both listen to everybody's guesses; only one has understood the hints."""


class Search:
    """The numbers that are still possible, by what the referee said."""

    def __init__(self, reads_hints):
        self.reads_hints = reads_hints
        self.hint = None

    def choose(self, player):
        """The middle one of the numbers that are left."""
        low, high = player.said("prompt")[0]["body"]["range"]
        left = list(range(low, high + 1))
        for message in player.said("judge"):
            body = message["body"]
            left = [number for number in left if self.fits(number, body, high - low + 1)]
            self.hint = body["hint"]
        return left[(len(left) - 1) // 2]

    def fits(self, number, judged, span):
        """Whether the referee would have judged the guess like this if `number` were the one."""
        guess = judged["guess"]
        if judged["result"] != ("high" if guess > number else "low" if guess < number else "correct"):
            return False
        return not self.reads_hints or judged["hint"] == hint(abs(guess - number), span)


def hint(distance, span):
    """What GuessBot's source says it calls a distance."""
    percent = distance * 100 / span
    if percent <= 5:
        return "very close"
    if percent <= 10:
        return "close"
    return "getting warm" if percent <= 20 else "cold"
