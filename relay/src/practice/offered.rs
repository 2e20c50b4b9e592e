use serde_json::Value;

use super::example::example;
use super::game::{Answer, Game, Post, Seat};
use super::strategy::Strategy;
use super::turn::Turn;
use super::vote::Vote;

/// Maximum number of moves that a partner makes while no person posts anything, so that partners alone with a referee come to
/// an end.
const MOVES_ALONE: u32 = 100;
/// Maximum number of moves in one turn, after violations.
const ATTEMPTS: u64 = 5;
/// Texts with which a player gives a game up. A partner never does that by chance.
const GIVING_UP: [&str; 4] = ["resign", "concede", "forfeit", "withdraw"];

/// A partner in the game of any bot that posts `turn` and `actions`. It moves by a strategy, if there is one for the game. Else,
/// and after a violation, it chooses among the offered texts, or makes data that fit the offered JSON Schema. That choice depends
/// on nothing but the entry that it answers, and the seat.
#[derive(Debug, Default)]
pub(super) struct Offered {
    strategy: Option<Box<dyn Strategy>>,
    turn: Turn,
    vote: Vote,
    /// Number of violations in this turn, and the entry of the last one.
    violations: u64,
    violation: u64,
    /// `true` once a game has ended.
    has_ended: bool,
}

impl Offered {
    /// A partner that moves by this strategy.
    pub(super) fn with(strategy: impl Strategy + 'static) -> Self {
        Self { strategy: Some(Box::new(strategy)), ..Self::default() }
    }
}

impl Game for Offered {
    fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        let before = self.turn.offer_after(0).map(|offer| offer.to);
        self.turn.read(seat, post);
        self.vote.read(seat, post);
        if let Some(strategy) = &mut self.strategy {
            strategy.read(seat, post);
        }
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
        let strategy = self.strategy.as_ref().filter(|_| self.violations == 0);
        if let Some(text) = strategy.and_then(|strategy| strategy.choose(seat, offer)) {
            return Some(Answer { to, ..offer.take(text) });
        }
        let seed = offer.seed.wrapping_add(self.violations);
        let mut texts = offer.texts();
        texts.retain(|text| !GIVING_UP.contains(text));
        if !texts.is_empty() {
            let place = usize::try_from(seed % texts.len() as u64).unwrap_or(0);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::{Game as _, Offered, Post, Seat, Strategy};
    use crate::practice::turn::Offer;

    fn seat() -> Seat {
        Seat { own: "s1".to_owned(), partners: vec!["s1".to_owned()], ..Seat::default() }
    }

    fn read(game: &mut Offered, id: u64, seed: u64, body: &Value) {
        game.read(&seat(), &Post { id, seed, is_private: false, body: body.as_object().unwrap() });
    }

    fn chosen(game: &mut Offered, seed: u64, actions: &[&str]) -> String {
        read(game, 1, seed, &json!({ "type": "bot:turn", "turn": ["s1"], "turn_id": 1, "actions": actions }));
        game.answer(&seat(), 0).unwrap().text
    }

    #[test]
    fn every_move_is_chosen_now_and_then_but_no_game_is_given_up() {
        let actions = ["resign", "left", "right", "concede", "wait"];
        let texts: BTreeSet<_> = (0..30).map(|seed| chosen(&mut Offered::default(), seed, &actions)).collect();
        assert_eq!(texts, BTreeSet::from(["left", "right", "wait"].map(str::to_owned)));
    }

    /// Chooses a move that the referee refuses.
    #[derive(Debug)]
    struct Wrong;

    impl Strategy for Wrong {
        fn choose(&self, _: &Seat, _: &Offer) -> Option<String> {
            Some("wrong".to_owned())
        }
    }

    #[test]
    fn after_a_violation_it_plays_what_is_offered() {
        let mut game = Offered::with(Wrong);
        assert_eq!(chosen(&mut game, 7, &["right"]), "wrong");
        read(&mut game, 2, 8, &json!({ "type": "violation", "player": "s1", "reason": "BAD_MOVE" }));
        let answer = game.answer(&seat(), 1).unwrap();
        assert_eq!((answer.to, answer.text.as_str()), (2, "right"));
        // The next turn is played by the strategy again.
        read(&mut game, 3, 9, &json!({ "type": "bot:turn", "turn": ["s1"], "turn_id": 2, "actions": ["right"] }));
        assert_eq!(game.answer(&seat(), 2).unwrap().text, "wrong");
    }
}
