use std::collections::BTreeMap;

use super::game::{Answer, Game, Post, Seat};

/// A partner in an exchange of `MemoryBot`: opts in, consents to every question, and truly answers that it remembers nothing.
/// It asks nothing.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The entry that asks to opt in, until that is done.
    invited: Option<u64>,
    /// The messages that await an answer, by their entries: the question that each is about, and the answer.
    awaited: BTreeMap<u64, (String, String)>,
}

impl Game for Memory {
    fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        let question = post.field("question").as_str().unwrap_or_default().to_owned();
        match post.type_() {
            "ready" => self.invited = Some(post.id),
            "opted_in" if post.is_about(seat) => self.invited = None,
            "consent_request" => {
                let consent = format!("consent {question}");
                self.awaited.insert(post.id, (question, consent));
            }
            "answer_awaited" => {
                let answer = format!("answer {question}: I am a practice partner, a program, and remember nothing.");
                self.awaited.retain(|_, (earlier, _)| *earlier != question);
                self.awaited.insert(post.id, (question, answer));
            }
            "answered" | "closed" | "withdrawn" => self.awaited.retain(|_, (open, _)| *open != question),
            _ => {}
        }
    }

    fn answer(&self, _: &Seat, after: u64) -> Option<Answer> {
        let awaited = self.awaited.range(after + 1..).next().map(|(to, (_, text))| Answer::private(*to, text));
        let opt_in = self.invited.filter(|to| *to > after).map(|to| Answer::private(to, "opt in"));
        opt_in.or(awaited)
    }
}
