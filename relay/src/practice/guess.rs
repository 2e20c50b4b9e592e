use super::game::{Answer, Game, Post, Seat};
use super::turn::Turn;
use super::vote::Vote;

/// A partner in the game of `GuessBot`: halves the range that the judgements of all guesses leave.
#[derive(Debug, Default)]
pub(super) struct Guess {
    turn: Turn,
    vote: Vote,
    /// The smallest number that it may be, by the judgements so far.
    low: Option<i64>,
    /// The largest one.
    high: Option<i64>,
}

impl Game for Guess {
    fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        self.turn.read(seat, post);
        self.vote.read(seat, post);
        match (post.type_(), post.field("guess").as_i64()) {
            ("game_start", _) => (self.low, self.high) = (None, None),
            ("judge", Some(guess)) if *post.field("result") == "low" => self.low = self.low.max(guess.checked_add(1)),
            ("judge", Some(guess)) if *post.field("result") == "high" => {
                let below = guess.saturating_sub(1);
                self.high = Some(self.high.map_or(below, |high| high.min(below)));
            }
            _ => {}
        }
    }

    fn answer(&self, _: &Seat, after: u64) -> Option<Answer> {
        let Some(offer) = self.turn.offer_after(after) else { return self.vote.answer(after) };
        let bound = |name: &str| offer.field("actions").pointer("/properties/guess")?.get(name)?.as_i64();
        let (lowest, highest) = (bound("minimum")?, bound("maximum")?);
        let low = self.low.map_or(lowest, |low| low.clamp(lowest, highest));
        let high = self.high.map_or(highest, |high| high.clamp(low, highest));
        Some(offer.take(format!("guess {}", low.midpoint(high))))
    }
}
