use serde_json::{Map, Value};

use super::game::{Answer, Post, Seat};

/// The turn that a referee offers to the seat, if there is one: `turn` in a post names the slots that may move.
#[derive(Debug, Default)]
pub(super) struct Turn {
    offer: Option<Offer>,
}

/// An offer of a turn.
#[derive(Debug)]
pub(super) struct Offer {
    /// The entry that a move answers: the first one that offered this turn. A referee may repeat the offer while others move.
    pub(super) to: u64,
    /// The seed of this entry.
    pub(super) seed: u64,
    /// The fields of the last post with it.
    pub(super) fields: Map<String, Value>,
}

impl Turn {
    /// Takes note of the turn that a post offers to somebody, and of the end of a game.
    pub(super) fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        if post.type_() == "game_end" {
            self.offer = None;
        } else if let Value::Array(turn) = post.field("turn") {
            let is_own = turn.iter().any(|slot| *slot == *seat.own);
            self.offer = is_own.then(|| {
                let (to, seed) = self.first_of_turn(seat, post);
                Offer { to, seed, fields: post.body.clone() }
            });
        } else if let Some(actions) = post.body.get("actions").filter(|_| post.is_private) {
            // Moves that only this player may see. They are for the turn that was offered in public, if one was.
            let mut fields = self.offer.take().map(|offer| offer.fields).unwrap_or_default();
            fields.insert("actions".to_owned(), actions.clone());
            self.offer = Some(Offer { to: post.id, seed: post.seed, fields });
        }
    }

    /// The entry that a move in this turn answers, and its seed.
    fn first_of_turn(&self, seat: &Seat, post: &Post<'_>) -> (u64, u64) {
        let turn_id = post.field("turn_id");
        match &self.offer {
            // What is about the partner itself is the response to its move, and asks for another one.
            Some(offer) if !post.is_about(seat) && !turn_id.is_null() && offer.field("turn_id") == turn_id => {
                (offer.to, offer.seed)
            }
            _ => (post.id, post.seed),
        }
    }

    /// Forgets the offer.
    pub(super) fn end(&mut self) {
        self.offer = None;
    }

    /// The offer, if it begins after the entry `after`.
    pub(super) fn offer_after(&self, after: u64) -> Option<&Offer> {
        self.offer.as_ref().filter(|offer| offer.to > after)
    }
}

impl Offer {
    /// A field of the post with the offer; `null` if it is missing.
    pub(super) fn field(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    /// The ready-made texts that the referee offers.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.field("actions").as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Returns `true` if the referee takes moves by private message.
    pub(super) fn is_private(&self) -> bool {
        *self.field("private") == true
    }

    /// A move in this turn. It names the turn, so that it does not count in another one.
    pub(super) fn take(&self, text: impl Into<String>) -> Answer {
        let mut answer = Answer { is_private: self.is_private(), ..Answer::new(self.to, text) };
        if let Some(turn_id) = self.fields.get("turn_id") {
            answer.data.insert("turn_id".to_owned(), turn_id.clone());
        }
        answer
    }
}
