use super::game::{Answer, Game, Post, Seat};

/// A partner in a contract of `ContractBot`: accepts the terms, and is party to them. It claims nothing, because it does
/// nothing that it could truly claim, and objects to nothing.
#[derive(Debug, Default)]
pub(super) struct Contract {
    /// The entry with the terms, and their hash, until they are accepted.
    offered: Option<(u64, String)>,
}

impl Game for Contract {
    fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        match post.type_() {
            "terms" => {
                let parties = post.field("terms").get("parties").and_then(|parties| parties.as_array());
                let is_party = parties.is_some_and(|parties| parties.iter().any(|party| *party == *seat.label));
                let hash = post.field("terms_hash").as_str().filter(|_| is_party);
                self.offered = hash.map(|hash| (post.id, hash.to_owned()));
            }
            "accepted" if post.is_about(seat) => self.offered = None,
            _ => {}
        }
    }

    fn answer(&self, _: &Seat, after: u64) -> Option<Answer> {
        let (to, hash) = self.offered.as_ref().filter(|(to, _)| *to > after)?;
        Some(Answer::new(*to, format!("accept {hash}")))
    }
}
