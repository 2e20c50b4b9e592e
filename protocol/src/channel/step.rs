use std::sync::Arc;

use super::{ChannelState, Slot, allowed, evolve};
use crate::merkle::Frontier;
use crate::{Author, Body, Content, Entry, Envelope, Error, Kind, Salt, Sender, SlotId, SystemEvent, Timestamp};

/// An entry before it has a place in a log: everything that its author or the relay chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Author of the entry.
    pub sender: Sender,
    /// Label of the entry.
    pub kind: Kind,
    /// The one slot, besides the sender's, that may read the body; `None` for a public entry.
    pub to_slot: Option<SlotId>,
    /// The entry whose hook has this one as its effect.
    pub cause: Option<u64>,
    /// Body of the entry.
    pub body: Body,
}

impl Draft {
    /// A public entry of the relay's own, which states `event`.
    pub fn event(event: &SystemEvent, cause: Option<u64>) -> Self {
        Self { sender: Sender::System, kind: event.kind(), to_slot: None, cause, body: event.to_body() }
    }

    /// Seals the draft: the entry that it becomes when it is appended to `state` at time `now`.
    ///
    /// The entry gets the next id. Its time is `now`, or its predecessor's time where the clock is
    /// behind that: `ts` never goes back, although clocks do. Readers may then rely on ids and
    /// times having the same order, and a bot's timer never fires before the entry that set it.
    pub fn seal(self, state: &ChannelState, now: Timestamp, salt: Salt) -> Entry {
        let content = Content { salt, body: self.body };
        let to_tenure = match (&self.sender, self.to_slot) {
            (Sender::Bot(_), Some(to_slot)) => state.composition.slot(to_slot).and_then(Slot::tenure_began),
            _ => None,
        };
        let envelope = Envelope {
            v: Envelope::VERSION,
            channel_id: state.composition.channel_id,
            id: state.size() + 1,
            ts: now.max(state.head.ts),
            sender: self.sender,
            kind: self.kind,
            to_slot: self.to_slot,
            to_tenure,
            cause: self.cause,
            body_hash: content.hash(),
            author: Author::RelayAttested,
        };
        Entry { envelope, content: Some(content) }
    }
}

/// A source of the salts that bodies are hashed with.
///
/// A relay draws them from its operating system, so that nobody can guess a private body by its
/// hash. A simulated channel derives them from a seed, so that it can be played again.
pub trait Salts {
    /// The salt of the entry with this id.
    fn salt(&mut self, id: u64) -> Salt;
}

/// Entries that are appended to a channel together or not at all, while they are being put together.
///
/// Each entry is checked by [`allowed`] against the state that the entries before it lead to, and
/// is itself part of that state from then on. A step changes nothing outside of itself: whoever
/// made it appends its entries, or drops it.
#[derive(Clone, Debug)]
pub struct Step<S> {
    base: Frontier,
    state: ChannelState,
    now: Timestamp,
    salts: S,
    entries: Vec<Arc<Entry>>,
}

impl<S: Salts> Step<S> {
    /// An empty step after `state`. All its entries are taken in at `now`.
    pub fn new(state: ChannelState, now: Timestamp, salts: S) -> Self {
        Self { base: state.head.frontier.clone(), state, now, salts, entries: Vec::new() }
    }

    /// The Merkle tree of the log that the step was begun on.
    pub fn base(&self) -> &Frontier {
        &self.base
    }

    /// The state after the entries so far.
    pub fn state(&self) -> &ChannelState {
        &self.state
    }

    /// Returns `true` while the step has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry with a fresh salt. Before an entry of a member, or one that a member asked for, the timers that are due
    /// fire. On an error the step is as it was.
    pub fn push(&mut self, draft: Draft) -> Result<&Arc<Entry>, Error> {
        let is_by_member = match &draft.sender {
            Sender::Slot(_) => true,
            Sender::System => draft.body.parse::<SystemEvent>().is_ok_and(|event| event.is_by_member()),
            Sender::Bot(_) => false,
        };
        self.push_after_timers(draft, is_by_member)
    }

    fn push_after_timers(&mut self, draft: Draft, is_by_member: bool) -> Result<&Arc<Entry>, Error> {
        if !is_by_member || !self.is_timer_due() {
            let salt = self.salts.salt(self.state.size() + 1);
            return self.push_salted(draft, salt);
        }
        let (state, entries) = (self.state.clone(), self.entries.len());
        let pushed = self.fire_due_timers().and_then(|()| {
            let salt = self.salts.salt(self.state.size() + 1);
            self.push_salted(draft, salt).map(|_| ())
        });
        if let Err(error) = pushed {
            self.state = state;
            self.entries.truncate(entries);
            return Err(error);
        }
        Ok(self.entries.last().expect("pushed just now"))
    }

    /// Adds a `timer` entry for every timer that is due, in the order in which they are.
    pub fn fire_due_timers(&mut self) -> Result<(), Error> {
        while let Some((bot, timer)) = self.state.next_timer().filter(|_| self.is_timer_due()) {
            let event = SystemEvent::Timer { bot_id: bot.bot_id.clone(), n: timer.n, set_by: timer.set_by };
            let salt = self.salts.salt(self.state.size() + 1);
            self.push_salted(Draft::event(&event, None), salt)?;
        }
        Ok(())
    }

    fn is_timer_due(&self) -> bool {
        let now = self.now.max(self.state.head.ts);
        self.state.next_timer().is_some_and(|(_, timer)| timer.due <= now)
    }

    /// Adds an entry with a given salt, such as one that a bot's seed determines.
    pub fn push_salted(&mut self, draft: Draft, salt: Salt) -> Result<&Arc<Entry>, Error> {
        let entry = draft.seal(&self.state, self.now, salt);
        self.state.append(&entry)?;
        self.entries.push(Arc::new(entry));
        Ok(self.entries.last().expect("pushed just now"))
    }

    /// Adds a public entry of the relay's own.
    pub fn push_event(&mut self, event: &SystemEvent, cause: Option<u64>) -> Result<&Arc<Entry>, Error> {
        self.push_after_timers(Draft::event(event, cause), event.is_by_member())
    }

    /// The state that the step leads to, and its entries.
    pub fn into_parts(self) -> (ChannelState, Vec<Arc<Entry>>) {
        (self.state, self.entries)
    }
}

impl ChannelState {
    /// Moves the state one entry on if the rules allow that entry; on an error it is as it was.
    ///
    /// Whoever reads a log folds this over its entries, from [`ChannelState::empty`] on.
    pub fn append(&mut self, entry: &Entry) -> Result<(), Error> {
        allowed(self, entry)?;
        *self = evolve(self.clone(), entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Draft, Salts, Step};
    use crate::channel::{BotsChange, ChannelState, RULES, SlotKind};
    use crate::{Actor, ChannelId, Error, Hash, Salt, SlotId, SlotSpec, SystemEvent, Timestamp};

    #[derive(Clone)]
    struct ById;

    impl Salts for ById {
        fn salt(&mut self, id: u64) -> Salt {
            Salt([u8::try_from(id).unwrap(); 32])
        }
    }

    fn created() -> SystemEvent {
        let slots = vec![SlotSpec { kind: SlotKind::Invite, label: "alice".to_owned() }];
        SystemEvent::ChannelCreated {
            rules: RULES,
            name: "A game".to_owned(),
            slots,
            owner: Hash::of(&[b"alice"]),
            bots_change: BotsChange::Never,
            require_terms: false,
            log: None,
        }
    }

    fn step(state: ChannelState, now: i64) -> Step<ById> {
        Step::new(state, Timestamp::from_millis(now), ById)
    }

    fn empty() -> ChannelState {
        ChannelState::empty(ChannelId::from_bytes([7; 10]))
    }

    #[test]
    fn entries_of_a_step_follow_one_another() {
        let mut step = step(empty(), 1_000);
        assert!(step.is_empty());
        step.push_event(&created(), None).unwrap();
        let renamed = SystemEvent::Renamed { name: "Finals".to_owned(), by: Actor::Owner };
        let salted = step.push_salted(Draft::event(&renamed, None), Salt([9; 32])).unwrap();
        assert_eq!((salted.id(), salted.content.as_ref().unwrap().salt), (2, Salt([9; 32])));
        assert_eq!(step.state().composition.name, "Finals");
        let base = step.base().size();
        let (state, entries) = step.into_parts();
        assert_eq!((base, entries.len()), (0, 2));
        assert_eq!(entries[0].content.as_ref().unwrap().salt, Salt([1; 32]));

        let mut read = empty();
        entries.iter().try_for_each(|entry| read.append(entry)).unwrap();
        assert_eq!(read, state);
    }

    #[test]
    fn a_refused_entry_leaves_the_step_as_it_was() {
        let mut step = step(empty(), 1_000);
        step.push_event(&created(), None).unwrap();
        let before = step.state().clone();
        let slot_id = SlotId::at(0);
        let leave = SystemEvent::MemberLeave { slot_id, label: "alice".to_owned(), by: Actor::Slot(slot_id) };
        assert!(matches!(step.push_event(&leave, None), Err(Error { .. })));
        assert_eq!(*step.state(), before);
        assert_eq!(step.into_parts().1.len(), 1);
    }

    #[test]
    fn time_never_goes_back() {
        let mut first = step(empty(), 1_000);
        first.push_event(&created(), None).unwrap();
        let (state, _) = first.into_parts();
        let mut second = step(state, 10);
        let renamed = SystemEvent::Renamed { name: "Finals".to_owned(), by: Actor::Owner };
        assert_eq!(second.push_event(&renamed, None).unwrap().envelope.ts, Timestamp::from_millis(1_000));
    }
}
