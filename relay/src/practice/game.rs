use serde_json::{Map, Value};

/// A partner's part in one bot's game. It has no I/O and no clock: equal posts lead to equal answers.
pub(super) trait Game: Send + Sync {
    /// Takes note of a post of the bot, or of a DM of the bot to the seat.
    fn read(&mut self, seat: &Seat, post: &Post<'_>);

    /// The answer that is due next, to an entry after `after`; `None` if there is none.
    fn answer(&self, seat: &Seat, after: u64) -> Option<Answer>;
}

/// A partner's seat, and what it can see of the channel. Slots are texts here, as they are in the bodies of posts.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// The partner's own slot.
    pub(super) own: String,
    /// The slot's label.
    pub(super) label: String,
    /// The slots of all partners.
    pub(super) partners: Vec<String>,
    /// `true` if there is no seat for a person: every open invite slot is a partner's.
    pub(super) only_partners: bool,
    /// Number of the partner's own messages since a person last posted something.
    pub(super) unanswered: u32,
}

impl Seat {
    /// Returns `true` for the slot of a person.
    pub(super) fn is_person(&self, slot: &Value) -> bool {
        slot.as_str().is_some_and(|slot| !self.partners.iter().any(|partner| partner == slot))
    }
}

/// A message of a bot, as the seat may read it.
#[derive(Debug)]
pub(super) struct Post<'a> {
    /// The entry.
    pub(super) id: u64,
    /// A number made from the entry and the seat. A partner uses it where a person would throw a die, so that it does the same
    /// again after a restart.
    pub(super) seed: u64,
    /// `true` for a DM to the seat.
    pub(super) is_private: bool,
    pub(super) body: &'a Map<String, Value>,
}

impl<'a> Post<'a> {
    /// The `type` in the body; empty if it has none.
    pub(super) fn type_(&self) -> &'a str {
        self.field("type").as_str().unwrap_or_default()
    }

    /// A field of the body; `null` if it is missing.
    pub(super) fn field(&self, name: &str) -> &'a Value {
        self.body.get(name).unwrap_or(&Value::Null)
    }

    /// Returns `true` if the field `player` names the partner.
    pub(super) fn is_about(&self, seat: &Seat) -> bool {
        *self.field("player") == *seat.own
    }
}

/// A message of a partner to a bot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// The entry that it answers. No entry gets two answers.
    pub(super) to: u64,
    pub(super) text: String,
    pub(super) data: Map<String, Value>,
    /// `true` if only the bot may read it.
    pub(super) is_private: bool,
}

impl Answer {
    /// A public message without data.
    pub(super) fn new(to: u64, text: impl Into<String>) -> Self {
        Self { to, text: text.into(), ..Self::default() }
    }

    /// A message that only the bot may read.
    pub(super) fn private(to: u64, text: impl Into<String>) -> Self {
        Self { is_private: true, ..Self::new(to, text) }
    }
}
