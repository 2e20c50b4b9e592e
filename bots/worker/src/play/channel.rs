//! A channel without a relay: its log is in memory, its rules are the relay's.

use mcp_multiplayer_protocol::channel::{ChannelState, Composition, Holder, SlotKind, allowed, draft, evolve};
use mcp_multiplayer_protocol::{
    Actor, Body, ChannelId, Content, Entry, Error, Hash, Kind, Salt, Sender, SlotId, SlotSpec, SystemEvent, Timestamp,
    limits,
};

/// The log and where it has come to.
#[derive(Debug)]
pub(crate) struct Channel {
    step: Step,
    /// What time it is in the channel; it moves when somebody says so.
    now: Timestamp,
    /// What salts, names and the players' entropy are derived from.
    seed: Hash,
}

/// Entries that are appended together or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    state: ChannelState,
    entries: Vec<Entry>,
    now: Timestamp,
    seed: Hash,
}

/// Who may come: a label for each seat.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    /// The slot that the bot takes.
    pub(crate) bot: String,
    /// The players' slots.
    pub(crate) players: Vec<String>,
}

impl Channel {
    /// A channel that nobody has joined yet.
    pub(crate) fn create(seats: &Seats, start: Timestamp, seed: Hash) -> Result<Self, Error> {
        let id = Hash::of(&[b"channel", seed.as_bytes()]);
        let id = id.as_bytes().first_chunk().expect("a hash is longer than an id");
        let state = ChannelState::empty(ChannelId::from_bytes(*id));
        let step = Step { state, entries: Vec::new(), now: start, seed };
        let mut channel = Self { step, now: start, seed };
        let slot = |kind, label: &String| SlotSpec { kind, label: label.clone() };
        let mut slots = vec![slot(SlotKind::Bot, &seats.bot)];
        slots.extend(seats.players.iter().map(|label| slot(SlotKind::Invite, label)));
        let owner = Hash::of(&[b"owner", seed.as_bytes()]);
        channel.append(|step| {
            let created = SystemEvent::ChannelCreated { name: "play".to_owned(), slots, owner, mutable: false };
            step.push_event(&created, None).map(|_| ())
        })?;
        Ok(channel)
    }

    pub(crate) fn composition(&self) -> &Composition {
        &self.step.state.composition
    }

    /// For each bot, the last entry that may start a hook of it.
    pub(crate) fn due(&self) -> &[u64] {
        &self.step.state.head.due
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.step.entries
    }

    pub(crate) fn entry(&self, id: u64) -> Option<&Entry> {
        self.step.entries.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn pass_time(&mut self, until: Timestamp) {
        self.now = self.now.max(until);
    }

    /// Appends what `propose` proposes, if all of it is allowed.
    pub(crate) fn append<T>(&mut self, propose: impl FnOnce(&mut Step) -> Result<T, Error>) -> Result<T, Error> {
        let mut step = self.step.clone();
        step.now = self.now;
        let proposed = propose(&mut step)?;
        self.step = step;
        Ok(proposed)
    }

    /// The slot of a player, by its label or its id.
    pub(crate) fn seat(&self, name: &str) -> Option<SlotId> {
        let seats = self.composition().slots().filter(|(_, slot)| slot.kind == SlotKind::Invite);
        let mut named = seats.filter(|(slot_id, slot)| slot.label == name || slot_id.to_string() == name);
        named.next().map(|(slot_id, _)| slot_id)
    }

    pub(crate) fn label(&self, slot_id: SlotId) -> &str {
        self.composition().slot(slot_id).map_or("", |slot| &slot.label)
    }

    /// Somebody takes a seat, with fresh entropy, as a stdio server does. A seat that was given up gets a new invite first.
    pub(crate) fn join(&mut self, slot_id: SlotId) -> Result<(), Error> {
        let label = self.label(slot_id).to_owned();
        let seed = self.seed;
        self.append(|step| {
            let slot = step.state.composition.slot(slot_id).cloned();
            if let Some(slot) = slot.filter(|slot| slot.holder.is_none() && slot.invite_used) {
                let generation = slot.invite + 1;
                step.push_event(&SystemEvent::InviteIssued { slot_id, generation, by: Actor::Owner }, None)?;
            }
            let place = (step.state.size() + 1).to_be_bytes();
            let player = Hash::of(&[b"player", seed.as_bytes(), label.as_bytes()]);
            let entropy = Some(Hash::of(&[b"entropy", seed.as_bytes(), &place]).to_string());
            step.push_event(&SystemEvent::MemberJoin { slot_id, label, player, entropy }, None).map(|_| ())
        })
    }

    /// A player gives the seat up.
    pub(crate) fn leave(&mut self, slot_id: SlotId) -> Result<(), Error> {
        let label = self.label(slot_id).to_owned();
        let by = Actor::Slot(slot_id);
        self.append(|step| step.push_event(&SystemEvent::MemberLeave { slot_id, label, by }, None).map(|_| ()))
    }

    /// A player says something, to all or to the bot in the slot `to`.
    pub(crate) fn say(&mut self, slot_id: SlotId, to: Option<SlotId>, body: Body) -> Result<(), Error> {
        if body.as_str().len() > limits::BODY_BYTES {
            let size = body.as_str().len();
            return Err(Error::invalid(
                format!("The message is {size} bytes; at most {}.", limits::BODY_BYTES),
                "Say it in fewer words.",
            ));
        }
        let kind = if to.is_some() { Kind::PRIVATE } else { Kind::USER };
        self.append(|step| step.push(Sender::Slot(slot_id), kind, to, None, body).map(|_| ()))
    }

    /// Who is seated.
    pub(crate) fn players(&self) -> impl Iterator<Item = (SlotId, &str)> {
        let slots = self.composition().slots();
        slots
            .filter(|(_, slot)| matches!(slot.holder, Some(Holder::Player { .. })))
            .map(|(slot_id, slot)| (slot_id, slot.label.as_str()))
    }
}

impl Step {
    pub(crate) fn state(&self) -> &ChannelState {
        &self.state
    }

    pub(crate) fn push(
        &mut self,
        sender: Sender,
        kind: Kind,
        to_slot: Option<SlotId>,
        cause: Option<u64>,
        body: Body,
    ) -> Result<u64, Error> {
        let place = (self.state.size() + 1).to_be_bytes();
        let salt = Salt(*Hash::of(&[b"salt", self.seed.as_bytes(), &place]).as_bytes());
        self.push_salted(sender, kind, to_slot, cause, Content { salt, body })
    }

    pub(crate) fn push_salted(
        &mut self,
        sender: Sender,
        kind: Kind,
        to_slot: Option<SlotId>,
        cause: Option<u64>,
        content: Content,
    ) -> Result<u64, Error> {
        let entry = draft(&self.state, self.now, sender, kind, to_slot, cause, content);
        allowed(&self.state, &entry)?;
        self.state = evolve(self.state.clone(), &entry);
        self.entries.push(entry);
        Ok(self.state.size())
    }

    pub(crate) fn push_event(&mut self, event: &SystemEvent, cause: Option<u64>) -> Result<u64, Error> {
        self.push(Sender::System, event.kind(), None, cause, event.to_body())
    }
}
