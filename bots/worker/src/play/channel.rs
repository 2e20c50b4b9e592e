//! A channel in memory, without a relay. It follows the same rules.

use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{
    BotsChange, ChannelState, Composition, Draft, Holder, RULES, Salts, SlotKind, Step, Timer,
};
use mcp_multiplayer_protocol::{
    Actor, Body, BotId, ChannelId, Entry, Error, Hash, Kind, Salt, Sender, SlotId, SlotSpec, SystemEvent, Timestamp,
    limits,
};

/// A log and the state that it leads to.
#[derive(Debug)]
pub(crate) struct Channel {
    state: ChannelState,
    entries: Vec<Entry>,
    /// Time in the channel. It moves only when a command moves it.
    now: Timestamp,
    /// Source of salts, ids and the players' entropy.
    seed: Hash,
}

/// Salts derived from the channel's seed.
#[derive(Clone, Debug)]
pub(crate) struct SeededSalts(Hash);

impl Salts for SeededSalts {
    fn salt(&mut self, id: u64) -> Salt {
        Salt(*Hash::of(&[b"salt", self.0.as_bytes(), &id.to_be_bytes()]).as_bytes())
    }
}

/// Labels of a channel's slots.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    /// Label of the bot's slot.
    pub(crate) bot: String,
    /// Labels of the players' slots.
    pub(crate) players: Vec<String>,
}

impl Channel {
    /// A channel without members.
    pub(crate) fn create(seats: &Seats, start: Timestamp, seed: Hash) -> Result<Self, Error> {
        let id = Hash::of(&[b"channel", seed.as_bytes()]);
        let id = id.as_bytes().first_chunk().expect("a hash is longer than an id");
        let state = ChannelState::empty(ChannelId::from_bytes(*id));
        let mut channel = Self { state, entries: Vec::new(), now: start, seed };
        let slot = |kind, label: &String| SlotSpec { kind, label: label.clone() };
        let mut slots = vec![slot(SlotKind::Bot, &seats.bot)];
        slots.extend(seats.players.iter().map(|label| slot(SlotKind::Invite, label)));
        let owner = Hash::of(&[b"owner", seed.as_bytes()]);
        let name = "play".to_owned();
        let (bots_change, require_terms) = (BotsChange::Never, false);
        channel.append_event(&SystemEvent::ChannelCreated {
            rules: RULES,
            name,
            slots,
            owner,
            bots_change,
            require_terms,
            log: None,
        })?;
        Ok(channel)
    }

    pub(crate) fn composition(&self) -> &Composition {
        &self.state.composition
    }

    /// The last entry that may start one of the bot's hooks.
    pub(crate) fn due(&self, bot_id: &BotId) -> Option<u64> {
        self.state.bot_head(bot_id).map(|head| head.due)
    }

    /// The timer that fires first.
    pub(crate) fn next_timer(&self) -> Option<Timer> {
        self.state.next_timer().map(|(_, timer)| timer)
    }

    /// Returns whether the channel takes nothing new.
    pub(crate) fn is_closing(&self) -> bool {
        self.state.composition.close_requested.is_some()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn entry(&self, id: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn pass_time(&mut self, until: Timestamp) {
        self.now = self.now.max(until);
    }

    /// Appends the entries that `fill` adds to a step: all of them, or none if it fails.
    pub(crate) fn append(
        &mut self,
        fill: impl FnOnce(&mut Step<SeededSalts>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut step = Step::new(self.state.clone(), self.now, SeededSalts(self.seed));
        fill(&mut step)?;
        let (state, entries) = step.into_parts();
        self.state = state;
        self.entries.extend(entries.into_iter().map(Arc::unwrap_or_clone));
        Ok(())
    }

    /// Appends one event.
    pub(crate) fn append_event(&mut self, event: &SystemEvent) -> Result<(), Error> {
        self.append(|step| step.push_event(event, None).map(|_| ()))
    }

    /// The seat with this label or id.
    pub(crate) fn seat(&self, name: &str) -> Option<SlotId> {
        let seats = self.composition().slots().filter(|(_, slot)| slot.kind == SlotKind::Invite);
        let mut named = seats.filter(|(slot_id, slot)| slot.label == name || slot_id.to_string() == name);
        named.next().map(|(slot_id, _)| slot_id)
    }

    /// The labels and ids of all players' seats.
    pub(crate) fn seat_names(&self) -> Vec<String> {
        let seats = || self.composition().slots().filter(|(_, slot)| slot.kind == SlotKind::Invite);
        let labels = seats().map(|(_, slot)| slot.label.clone());
        labels.chain(seats().map(|(slot_id, _)| slot_id.to_string())).collect()
    }

    pub(crate) fn label(&self, slot_id: SlotId) -> &str {
        self.composition().slot(slot_id).map_or("", |slot| &slot.label)
    }

    /// Has a player take a seat, with fresh entropy, as the stdio server does. A seat that was given up gets a new
    /// invite first.
    pub(crate) fn join(&mut self, slot_id: SlotId) -> Result<(), Error> {
        let label = self.label(slot_id).to_owned();
        let seed = self.seed;
        self.append(|step| {
            let slot = step.state().composition.slot(slot_id).cloned();
            if let Some(slot) = slot.filter(|slot| slot.holder.is_none() && slot.invite_used) {
                let generation = slot.invite + 1;
                step.push_event(&SystemEvent::InviteIssued { slot_id, generation, by: Actor::Owner }, None)?;
            }
            let place = (step.state().size() + 1).to_be_bytes();
            let player = Hash::of(&[b"player", seed.as_bytes(), label.as_bytes()]);
            let entropy = Some(Hash::of(&[b"entropy", seed.as_bytes(), &place]).to_string());
            step.push_event(&SystemEvent::MemberJoin { slot_id, label, player, entropy, program: false }, None)
                .map(|_| ())
        })
    }

    /// Has a player give up a seat.
    pub(crate) fn leave(&mut self, slot_id: SlotId) -> Result<(), Error> {
        let label = self.label(slot_id).to_owned();
        let by = Actor::Slot(slot_id);
        self.append_event(&SystemEvent::MemberLeave { slot_id, label, by })
    }

    /// Has a player post a message, or send it to the bot in the slot `to`.
    pub(crate) fn post(&mut self, slot_id: SlotId, to: Option<SlotId>, body: Body) -> Result<(), Error> {
        if body.as_str().len() > limits::BODY_BYTES {
            let size = body.as_str().len();
            return Err(Error::invalid(
                format!("The message is {size} bytes; at most {}.", limits::BODY_BYTES),
                "Shorten it.",
            ));
        }
        let kind = if to.is_some() { Kind::PRIVATE } else { Kind::USER };
        let draft = Draft { sender: Sender::Slot(slot_id), kind, to_slot: to, cause: None, body };
        self.append(|step| step.push(draft).map(|_| ()))
    }

    /// The seats that players hold, with their labels.
    pub(crate) fn players(&self) -> impl Iterator<Item = (SlotId, &str)> {
        let slots = self.composition().slots();
        slots
            .filter(|(_, slot)| matches!(slot.holder, Some(Holder::Player { .. })))
            .map(|(slot_id, slot)| (slot_id, slot.label.as_str()))
    }
}
