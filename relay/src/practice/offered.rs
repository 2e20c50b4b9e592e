use serde_json::Value;

use super::example::example;
use super::game::{Answer, Game, Post, Seat};
use super::turn::Turn;
use super::vote::Vote;

/// Maximum number of moves that a partner makes while no person posts anything, so that partners alone with a referee come to
/// an end.
const MOVES_ALONE: u32 = 100;
/// Maximum number of moves in one turn, after violations.
const ATTEMPTS: u64 = 5;

/// A partner in the game of any bot that posts `turn` and `actions`: chooses among the offered texts, or makes data that fit
/// the offered JSON Schema. The choice depends on nothing but the entry that it answers.
#[derive(Debug, Default)]
pub(super) struct Offered {
    turn: Turn,
    vote: Vote,
    /// Number of violations in this turn, and the entry of the last one.
    violations: u64,
    violation: u64,
    /// `true` once a game has ended.
    has_ended: bool,
}

impl Game for Offered {
    fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        let before = self.turn.offer_after(0).map(|offer| offer.to);
        self.turn.read(seat, post);
        self.vote.read(seat, post);
        self.has_ended |= post.type_() == "game_end";
        let is_late = *post.field("reason") == "STALE_TURN";
        if post.type_() == "violation" && post.is_about(seat) && !is_late {
            (self.violations, self.violation) = (self.violations + 1, post.id);
        } else if self.turn.offer_after(0).map(|offer| offer.to) != before {
            (self.violations, self.violation) = (0, 0);
        }
    }

    fn answer(&self, seat: &Seat, after: u64) -> Option<Answer> {
        let is_over = seat.only_partners && self.has_ended || seat.unanswered >= MOVES_ALONE;
        if is_over || self.violations >= ATTEMPTS {
            return None;
        }
        let Some(offer) = self.turn.offer_after(0) else { return self.vote.answer(after) };
        let to = offer.to.max(self.violation);
        if to <= after {
            return None;
        }
        let seed = to + self.violations;
        let texts = offer.texts();
        if !texts.is_empty() {
            let place = usize::try_from(seed).unwrap_or(0) % texts.len();
            return Some(Answer { to, ..offer.take(texts[place]) });
        }
        let actions = offer.field("actions");
        let Value::Object(mut data) = example(actions, seed)? else { return None };
        let is_closed = actions["additionalProperties"] == false && actions["properties"].get("turn_id").is_none();
        let text = Value::Object(data.clone()).to_string();
        if !is_closed && let Some(turn_id) = offer.fields.get("turn_id") {
            data.insert("turn_id".to_owned(), turn_id.clone());
        }
        Some(Answer { data, is_private: offer.is_private(), ..Answer::new(to, text) })
    }
}
