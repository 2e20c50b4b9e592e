use serde::Deserialize;

use crate::{Body, SlotId};

/// The turn that the bots of a channel have named last, which [`WaitFor::MyTurn`](super::WaitFor::MyTurn) is about.
#[derive(Clone, Debug, Default)]
pub struct NamedTurn(Option<Vec<SlotId>>);

impl NamedTurn {
    /// Takes note of a bot's post: it names turns with `turn: [slot_ids]`, and ends the game with `turn: []` or the type
    /// `game_end`.
    pub fn note(&mut self, body: &Body) {
        #[derive(Deserialize)]
        struct Fields {
            #[serde(default)]
            turn: Option<Vec<SlotId>>,
            #[serde(default)]
            r#type: Option<String>,
        }
        let Ok(Fields { turn, r#type }) = body.parse() else { return };
        if r#type.as_deref() == Some("game_end") {
            self.0 = Some(vec![]);
        } else if turn.is_some() {
            self.0 = turn;
        }
    }

    /// Returns whether the reader with this seat can act: it is named, no turn is, or the game is over.
    pub fn includes(&self, seat: Option<SlotId>) -> bool {
        match &self.0 {
            None => true,
            Some(turn) => turn.is_empty() || seat.is_some_and(|seat| turn.contains(&seat)),
        }
    }
}
