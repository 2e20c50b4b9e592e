use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{ChannelState, Draft, Salts, Step};
use mcp_multiplayer_protocol::{Actor, Entry, Error, Salt, SlotId, SystemEvent, Timestamp};

use crate::clock::Random;
use crate::store::{AcceptedTerms, BotChange, ChannelBatch, IdempotencyRecord, Membership};

/// Everything that one request or hook is going to change in a channel: entries, and the rows that
/// are written with them.
#[derive(Debug)]
pub(crate) struct Proposal {
    step: Step<Random>,
    /// The record that answers a repeat of the request.
    pub(crate) idempotency: Option<IdempotencyRecord>,
    /// Slots whose holder gives them up or loses them, and the entry with which that happens.
    ended: Vec<(SlotId, u64)>,
    /// Principals that become members of the channel.
    pub(crate) memberships: Vec<Membership>,
    /// Terms that the caller accepts.
    pub(crate) accepted: Vec<AcceptedTerms>,
    /// Changes to bots.
    pub(crate) bots: Vec<BotChange>,
}

impl Salts for Random {
    fn salt(&mut self, _: u64) -> Salt {
        Salt(self.bytes())
    }
}

impl Proposal {
    pub(crate) fn new(state: ChannelState, now: Timestamp, random: Random) -> Self {
        Self {
            step: Step::new(state, now, random),
            idempotency: None,
            ended: Vec::new(),
            memberships: Vec::new(),
            accepted: Vec::new(),
            bots: Vec::new(),
        }
    }

    /// The state after the entries proposed so far.
    pub(crate) fn state(&self) -> &ChannelState {
        self.step.state()
    }

    /// The entries, for code that adds several.
    pub(crate) fn step(&mut self) -> &mut Step<Random> {
        &mut self.step
    }

    /// Proposes an entry; its envelope has the id and time that it will have in the log.
    pub(crate) fn push(&mut self, draft: Draft) -> Result<&Arc<Entry>, Error> {
        self.step.push(draft)
    }

    /// Proposes an entry of the relay's own.
    pub(crate) fn push_event(&mut self, event: &SystemEvent, cause: Option<u64>) -> Result<&Arc<Entry>, Error> {
        let entry = self.step.push_event(event, cause)?;
        if let SystemEvent::MemberLeave { slot_id, .. }
        | SystemEvent::MemberKick { slot_id, .. }
        | SystemEvent::MemberRejoin { slot_id, .. } = event
        {
            self.ended.push((*slot_id, entry.id()));
        }
        Ok(entry)
    }

    /// Proposes to close the channel. With bots, their runners do so once they are done; without any, it is closed at once.
    /// `by` is `None` for the operator.
    pub(crate) fn push_close(&mut self, by: Option<Actor>) -> Result<(), Error> {
        self.push_event(&SystemEvent::CloseRequested { by }, None)?;
        if self.state().composition.bots.is_empty() {
            self.push_event(&SystemEvent::Closed {}, None)?;
        }
        Ok(())
    }

    /// The proposal as one batch; `None` when it changes nothing.
    pub(super) fn into_batch(self) -> Option<ChannelBatch> {
        if self.step.is_empty() && self.bots.is_empty() {
            return None;
        }
        let base = self.step.base().clone();
        let (state, entries) = self.step.into_parts();
        Some(ChannelBatch {
            channel_id: state.composition.channel_id,
            base,
            entries,
            state,
            idempotency: self.idempotency,
            ended: self.ended,
            memberships: self.memberships,
            accepted: self.accepted,
            bots: self.bots,
        })
    }
}
