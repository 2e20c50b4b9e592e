use serde_json::Value;

use super::game::{Answer, Post, Seat};

/// The question whether to play a game. A partner agrees once a person wants to play, and never starts one by itself.
#[derive(Debug, Default)]
pub(super) struct Vote {
    asked: Option<u64>,
}

impl Vote {
    /// Takes note of who is ready, and of games that begin or end.
    pub(super) fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        match (post.type_(), post.field("ready")) {
            ("start_vote", Value::Array(ready)) => {
                let has_agreed = ready.iter().any(|slot| *slot == *seat.own);
                let wanted = !has_agreed && ready.iter().any(|slot| seat.is_person(slot));
                self.asked = wanted.then_some(post.id);
            }
            ("game_start" | "game_end" | "start_cancelled", _) => self.asked = None,
            _ => {}
        }
    }

    /// The answer to the question, if it was asked after the entry `after`.
    pub(super) fn answer(&self, after: u64) -> Option<Answer> {
        self.asked.filter(|asked| *asked > after).map(|asked| Answer::new(asked, "start"))
    }
}
