use std::fmt::Debug;

use super::game::{Post, Seat};
use super::turn::Offer;

/// A choice of moves in the game of one preset. It has no I/O and no clock: equal posts lead to equal moves.
pub(super) trait Strategy: Debug + Send + Sync {
    /// Takes note of a post of the bot.
    fn read(&mut self, _: &Seat, _: &Post<'_>) {}

    /// The text of a move in the turn that is offered. `None` leaves it to chance.
    fn choose(&self, seat: &Seat, offer: &Offer) -> Option<String>;
}
