use serde::Deserialize;

use super::game::{Post, Seat};
use super::strategy::Strategy;
use super::turn::Offer;

/// The first limit of several rounds, in percent of the way from the worst value to the best.
const FIRST: u64 = 75;
/// The last limit, or the only one, at least. It is worse than the middle, so that a deal in the middle is always possible.
const LAST: u64 = 30;
/// Number of percentages from which the last limit is drawn.
const LAST_RANGE: u64 = 16;

/// Limits in the bargain of `BargainBot`: asks for much in the first of several rounds, and comes down to a little less than the
/// middle of each range in the last one. If there is one round, it names that at once.
#[derive(Debug, Default)]
pub(super) struct Bargain {
    issues: Vec<Issue>,
    rounds: u64,
    /// Seed of this bargain.
    seed: u64,
}

/// An issue, as the referee posts it.
#[derive(Debug, Deserialize)]
struct Issue {
    name: String,
    /// The slot that wants a high value.
    high: String,
    min: i64,
    max: i64,
    step: i64,
}

impl Strategy for Bargain {
    fn read(&mut self, _: &Seat, post: &Post<'_>) {
        if post.type_() == "game_start" {
            *self = Self {
                issues: Vec::deserialize(post.field("issues")).unwrap_or_default(),
                rounds: post.field("rounds").as_u64().unwrap_or(1),
                seed: post.seed,
            };
        }
    }

    fn choose(&self, seat: &Seat, offer: &Offer) -> Option<String> {
        let round = offer.field("round").as_u64()?;
        let limits = self.issues.iter().enumerate().map(|(place, issue)| {
            let last = LAST + self.seed.rotate_left(u32::try_from(place).unwrap_or(0)) % LAST_RANGE;
            format!("{} {}", issue.name, issue.limit(seat, self.percent(round, last)))
        });
        let limits: Vec<String> = limits.collect();
        (!limits.is_empty()).then(|| format!("limit {}", limits.join(", ")))
    }
}

impl Bargain {
    /// The limit of a round, in percent of the way from the worst value to the best.
    fn percent(&self, round: u64, last: u64) -> u64 {
        let (before, all) = (round.saturating_sub(1), self.rounds.saturating_sub(1));
        if before >= all { last } else { FIRST - (FIRST - last) * before / all }
    }
}

impl Issue {
    /// The value on a step that is this far from the worst value to the best.
    fn limit(&self, seat: &Seat, percent: u64) -> i64 {
        let steps = self.max.saturating_sub(self.min).max(0) / self.step.max(1);
        let percent = i64::try_from(percent).unwrap_or(0);
        let percent = if self.high == seat.own { percent } else { 100 - percent };
        self.min + steps.saturating_mul(percent) / 100 * self.step
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Bargain, Seat, Strategy as _};
    use crate::practice::game::Post;
    use crate::practice::turn::Offer;

    /// The limits of slot `s2` in each round: for a price that it wants high, and for days that it wants low.
    fn limits(rounds: u64, seed: u64) -> Vec<(i64, i64)> {
        let issues = json!([
            { "name": "price", "unit": "EUR", "high": "s2", "low": "s1", "min": 100, "max": 300, "step": 10 },
            { "name": "days", "unit": "", "high": "s1", "low": "s2", "min": 0, "max": 30, "step": 1 },
        ]);
        let start = json!({ "type": "game_start", "issues": issues, "share": 50, "rounds": rounds });
        let (mut bargain, seat) = (Bargain::default(), Seat { own: "s2".to_owned(), ..Seat::default() });
        bargain.read(&seat, &Post { id: 1, seed, is_private: false, body: start.as_object().unwrap() });
        let limits = (1..=rounds).map(|round| {
            let fields = json!({ "round": round }).as_object().unwrap().clone();
            let text = bargain.choose(&seat, &Offer { to: round, seed: round, fields }).unwrap();
            let numbers = text.strip_prefix("limit price ").unwrap().split_once(", days ").unwrap();
            (numbers.0.parse().unwrap(), numbers.1.parse().unwrap())
        });
        limits.collect()
    }

    #[test]
    fn a_deal_in_the_middle_is_possible_in_the_last_round() {
        for seed in 0..100 {
            for rounds in 1..=10 {
                let limits = limits(rounds, seed);
                let (price, days) = *limits.last().unwrap();
                assert!((160..=190).contains(&price) && price % 10 == 0, "{limits:?}");
                assert!((15..=21).contains(&days), "{limits:?}");
            }
        }
    }

    #[test]
    fn it_asks_for_much_at_first_and_concedes_in_each_round() {
        let limits = limits(4, 7);
        assert_eq!(limits[0], (250, 7));
        assert!(limits.is_sorted_by(|one, next| one.0 > next.0 && one.1 < next.1), "{limits:?}");
    }
}
