use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{ChannelState, allowed, draft, evolve};
use mcp_multiplayer_protocol::{Body, Content, Entry, Error, Kind, Salt, Sender, SlotId, SystemEvent, Timestamp};

use crate::clock::Random;
use crate::store::{BotChange, ChannelBatch, IdempotencyRecord, Membership};

/// One step of a channel while it is being thought through: each entry is checked against the state
/// that the ones before it lead to.
#[derive(Debug)]
pub(crate) struct Proposal {
    base: u64,
    state: ChannelState,
    now: Timestamp,
    random: Random,
    entries: Vec<Arc<Entry>>,
    /// What a repeat of the request is to be answered with.
    pub(crate) idempotency: Option<IdempotencyRecord>,
    /// Principals that now belong to the channel.
    pub(crate) memberships: Vec<Membership>,
    /// Changes to bots.
    pub(crate) bots: Vec<BotChange>,
}

impl Proposal {
    pub(crate) fn new(state: ChannelState, now: Timestamp, random: Random) -> Self {
        Self {
            base: state.size(),
            state,
            now,
            random,
            entries: Vec::new(),
            idempotency: None,
            memberships: Vec::new(),
            bots: Vec::new(),
        }
    }

    /// The state after what was proposed so far.
    pub(crate) fn state(&self) -> &ChannelState {
        &self.state
    }

    /// Proposes an entry with a fresh salt; its envelope tells id and time.
    pub(crate) fn push(
        &mut self,
        sender: Sender,
        kind: Kind,
        to_slot: Option<SlotId>,
        cause: Option<u64>,
        body: Body,
    ) -> Result<&Entry, Error> {
        let salt = Salt(self.random.bytes());
        self.push_salted(sender, kind, to_slot, cause, Content { salt, body })
    }

    /// Proposes an entry whose salt its author chose.
    pub(crate) fn push_salted(
        &mut self,
        sender: Sender,
        kind: Kind,
        to_slot: Option<SlotId>,
        cause: Option<u64>,
        content: Content,
    ) -> Result<&Entry, Error> {
        let entry = draft(&self.state, self.now, sender, kind, to_slot, cause, content);
        allowed(&self.state, &entry)?;
        self.state = evolve(self.state.clone(), &entry);
        self.entries.push(Arc::new(entry));
        Ok(self.entries.last().expect("pushed just now"))
    }

    /// Proposes what the relay states.
    pub(crate) fn push_event(&mut self, event: &SystemEvent, cause: Option<u64>) -> Result<&Entry, Error> {
        self.push(Sender::System, event.kind(), None, cause, event.to_body())
    }

    /// The step as one batch; `None` when it changes nothing.
    pub(super) fn into_batch(self) -> Option<ChannelBatch> {
        if self.entries.is_empty() && self.bots.is_empty() {
            return None;
        }
        Some(ChannelBatch {
            channel_id: self.state.composition.channel_id,
            base: self.base,
            entries: self.entries,
            state: self.state,
            idempotency: self.idempotency,
            memberships: self.memberships,
            bots: self.bots,
        })
    }
}
