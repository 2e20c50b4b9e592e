use serde_json::Value;

use super::game::{Post, Seat};
use super::strategy::Strategy;
use super::turn::Offer;

/// Bids and reserve prices in the auction of `AuctionBot`.
///
/// It draws a value that the item has for it, from the reserve price if that is known. At the second-highest price it bids this
/// value, which is the best that a bidder can do; at its own price it bids less, the more so the fewer others bid. As the seller
/// it draws two values, and seals the lower one as its reserve price. It never passes.
#[derive(Debug, Default)]
pub(super) struct Auction {
    /// `true` if the winner pays its own bid.
    pays_own_bid: bool,
    bidders: i64,
    step: i64,
    /// The reserve price, if it is not sealed.
    reserve: Option<i64>,
}

impl Strategy for Auction {
    fn read(&mut self, _: &Seat, post: &Post<'_>) {
        if post.type_() == "game_start" {
            let number = |name: &str| post.field(name).as_i64();
            let bidders = post.field("players").as_array().map_or(0, Vec::len);
            *self = Self {
                pays_own_bid: *post.field("price") == "first",
                bidders: i64::try_from(bidders).unwrap_or(0),
                step: number("step").unwrap_or(1),
                reserve: number("reserve"),
            };
        }
    }

    fn choose(&self, _: &Seat, offer: &Offer) -> Option<String> {
        let properties = &offer.field("actions")["properties"];
        let range = |kind: &Value| Some((kind["minimum"].as_i64()?, kind["maximum"].as_i64()?));
        if let Some((low, high)) = range(&properties["reserve"]) {
            let price = by_magnitude(low, high, offer.seed).min(by_magnitude(low, high, offer.seed.rotate_left(32)));
            return Some(format!("reserve {price}"));
        }
        let (low, high) = range(&properties["bid"])?;
        Some(format!("bid {}", self.bid(low, high, offer.seed)))
    }
}

impl Auction {
    fn bid(&self, low: i64, high: i64, seed: u64) -> i64 {
        let least = self.reserve.unwrap_or(low).clamp(low, high);
        let value = by_magnitude(least, high, seed);
        let above = value - least;
        let bid = value - if self.pays_own_bid { above / self.bidders.max(1) } else { 0 };
        // The referee lowers a bid to a step, which must not be below the reserve price.
        let step = self.step.max(1);
        let below = (bid - low) % step;
        let (lower, upper) = (bid - below, bid - below + step);
        if lower < least && upper <= high { upper } else { lower }
    }
}

/// A whole number from `low` to `high`, of which each magnitude above `low` is equally likely: of the numbers up to 1000, about as
/// many are below 30 as above. A range such as the default one, up to a million, goes far beyond what a person thinks of.
fn by_magnitude(low: i64, high: i64, seed: u64) -> i64 {
    let span = high.saturating_sub(low).max(0).unsigned_abs();
    let magnitudes = u64::from(u64::BITS - span.leading_zeros()).max(1);
    let size = 1 << (seed % magnitudes);
    let above = (size - 1 + seed / magnitudes % size).min(span);
    low.saturating_add_unsigned(above)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Auction, Seat, Strategy as _};
    use crate::practice::game::Post;
    use crate::practice::turn::Offer;

    fn auction(start: &Value) -> Auction {
        let mut auction = Auction::default();
        let post = Post { id: 1, seed: 0, is_private: false, body: start.as_object().unwrap() };
        auction.read(&Seat::default(), &post);
        auction
    }

    fn chosen(auction: &Auction, kind: &str, (low, high): (i64, i64), seed: u64) -> i64 {
        let actions = json!({ "properties": { kind: { "type": "integer", "minimum": low, "maximum": high } } });
        let fields = json!({ "actions": actions }).as_object().unwrap().clone();
        let text = auction.choose(&Seat::default(), &Offer { to: 1, seed, fields }).unwrap();
        text.strip_prefix(&format!("{kind} ")).unwrap().parse().unwrap()
    }

    /// Numbers as different as the seeds of entries are.
    fn seeds() -> impl Iterator<Item = u64> {
        (1..500_u64).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29))
    }

    #[test]
    fn bids_are_within_the_range_on_steps_and_of_all_magnitudes() {
        let auction = auction(
            &json!({ "type": "game_start", "price": "second", "players": ["s1", "s2"], "step": 10, "reserve": null }),
        );
        let bids: Vec<i64> = seeds().map(|seed| chosen(&auction, "bid", (5, 1_000_000), seed)).collect();
        assert!(bids.iter().all(|bid| (5..=1_000_000).contains(bid) && (bid - 5) % 10 == 0), "{bids:?}");
        for limit in [100, 10_000] {
            assert!(bids.iter().any(|bid| *bid < limit) && bids.iter().any(|bid| *bid > limit), "{bids:?}");
        }
    }

    #[test]
    fn bids_reach_a_known_reserve_price() {
        for (reserve, high) in [(203, 1_000), (995, 1_000), (1_000, 1_000)] {
            let start = json!({ "type": "game_start", "price": "first", "players": ["s1", "s2"], "step": 10, "reserve": reserve });
            let auction = auction(&start);
            for seed in seeds() {
                let bid = chosen(&auction, "bid", (0, high), seed);
                assert!((reserve..=high).contains(&bid), "{bid}, reserve {reserve}");
            }
        }
    }

    #[test]
    fn it_bids_less_where_it_pays_its_own_bid() {
        let start = |price: &str| json!({ "type": "game_start", "price": price, "players": ["s1", "s2"], "step": 1 });
        let (first, second) = (auction(&start("first")), auction(&start("second")));
        for seed in seeds() {
            let [low, value] = [&first, &second].map(|auction| chosen(auction, "bid", (0, 1_000), seed));
            assert_eq!(low, value - value / 2);
        }
    }

    #[test]
    fn reserve_prices_leave_room_for_bids() {
        let reserves: Vec<i64> = seeds().map(|seed| chosen(&Auction::default(), "reserve", (1, 1_000), seed)).collect();
        let low = reserves.iter().filter(|reserve| **reserve <= 500).count();
        assert!(
            reserves.iter().all(|reserve| (1..=1_000).contains(reserve)) && low > reserves.len() * 3 / 4,
            "{reserves:?}"
        );
    }
}
