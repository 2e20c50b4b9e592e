use std::collections::BTreeSet;

use super::allowed::{are_ids_before, event_of, may_reveal};
use super::audit::Violation;
use super::evolve::epoch_after;
use super::{BotHead, ChannelState};
use crate::{Author, BotId, Content, Entry, Envelope, Sender, SystemEvent, Timestamp, limits};

impl SystemEvent {
    /// Returns `true` if the event shows how something ended that was under way when entry `left` ended a tenure: the end of the
    /// channel, the seeds of epochs that began before it, DMs that were unsealed, and bodies that were deleted. Former members
    /// see such entries, and no others that came later.
    pub fn is_aftermath(&self, left: u64) -> bool {
        match self {
            Self::SeedRevealed { began, .. } => *began <= left,
            Self::EntriesDeleted { ids, .. } => ids.iter().any(|id| *id <= left),
            Self::DmUnsealed { .. } | Self::CloseRequested { .. } | Self::Closed {} | Self::OperatorStopped {} => true,
            _ => false,
        }
    }
}

/// Checks entries that came after a log of which only these are known, each proven to be a part of the longer log.
///
/// They have gaps between them, so this checks what the entries before the gap settle: the order, and that seeds are those that
/// the relay committed to.
#[derive(Clone, Debug)]
pub struct Aftermath {
    /// Number of entries of the log that is known as a whole.
    left: u64,
    last_id: u64,
    last_ts: Timestamp,
    channel: ChannelState,
    bots: Vec<(BotId, BotHead)>,
    /// The bots that have unsealed their DMs.
    unsealing: BTreeSet<BotId>,
    is_closing: bool,
    has_ended: bool,
}

impl Aftermath {
    /// Starts after a log with this state.
    pub fn new(state: &ChannelState) -> Self {
        Self {
            left: state.size(),
            last_id: state.size(),
            last_ts: state.head.ts,
            bots: state.bots().map(|(bot, head)| (bot.bot_id.clone(), head.clone())).collect(),
            unsealing: state.composition.unsealed.iter().map(|unsealed| unsealed.bot_id.clone()).collect(),
            is_closing: state.composition.close_requested.is_some(),
            has_ended: state.composition.closed.is_some(),
            channel: state.clone(),
        }
    }

    /// Returns `true` once the channel has ended.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Reads the next of the entries. Returns what it says. Whether those entries may be deleted that it names is for
    /// [`Audit::delete_later`](super::Audit::delete_later).
    pub fn append(&mut self, entry: &Entry) -> Result<SystemEvent, Violation> {
        let violation = |reason: &str| Violation { entry: entry.id(), reason: reason.to_owned() };
        let Envelope { v, channel_id, id, ts, body_hash, .. } = &entry.envelope;
        let follows = *v == Envelope::VERSION
            && *channel_id == self.channel.composition.channel_id
            && *id > self.last_id
            && *ts >= self.last_ts
            && entry.envelope.sender == Sender::System
            && entry.envelope.author == Author::RelayAttested
            && entry.envelope.to_tenure.is_none()
            && entry.content.as_ref().map(Content::hash) == Some(*body_hash);
        if !follows {
            return Err(violation(
                "the entry does not come after the one before it, or its body is not the one in the log",
            ));
        }
        let event = event_of(entry).map_err(|error| violation(&error.message))?;
        if !event.is_aftermath(self.left) {
            return Err(violation("a receipt has no such entry after its log"));
        }
        let is_by_hook = matches!(event, SystemEvent::SeedRevealed { .. } | SystemEvent::DmUnsealed { .. });
        let cause = entry.envelope.cause;
        if is_by_hook != cause.is_some() || cause.is_some_and(|cause| cause >= *id) {
            return Err(violation("effects of hooks have an earlier cause, and other entries have none"));
        }
        if self.has_ended && !matches!(event, SystemEvent::EntriesDeleted { .. }) {
            return Err(violation("the channel had ended before"));
        }
        match &event {
            SystemEvent::SeedRevealed { began, .. } if cause.is_some_and(|cause| cause < *began) => {
                return Err(violation("a hook reveals the seed of an epoch that began before it"));
            }
            SystemEvent::SeedRevealed { bot_id, epoch, began, seed, next_commitment } => {
                let head = self.bots.iter_mut().find(|(attached, _)| attached == bot_id).map(|(_, head)| head);
                let head = head.ok_or_else(|| violation("the bot was not attached when the log ended"))?;
                may_reveal(head, *epoch, *began, seed).map_err(|error| violation(&error.message))?;
                head.epoch = Some(epoch_after(*epoch, seed, *next_commitment, entry));
            }
            SystemEvent::EntriesDeleted { ids, .. } if !are_ids_before(ids, *id) => {
                return Err(violation("entries are deleted by the ids of earlier entries, in ascending order"));
            }
            SystemEvent::EntriesDeleted { by, .. } if !self.has_ended && (self.is_closing || by.is_some()) => {
                return Err(violation(
                    "players delete entries after the close, and nobody while the channel is closing",
                ));
            }
            SystemEvent::DmUnsealed { bot_id } => {
                let composition = &self.channel.composition;
                let may_unseal = match composition.bot(bot_id) {
                    Some(bot) => bot.unseals && cause.is_some_and(|cause| cause >= bot.attached),
                    // Of a bot that was attached later, nothing else is known.
                    None => bot_id.number().is_some_and(|number| number >= composition.bots_attached),
                };
                if !may_unseal {
                    return Err(violation("the bot may not unseal its DMs"));
                }
                self.unsealing.insert(bot_id.clone());
                if self.unsealing.len() > limits::UNSEALING_BOTS {
                    return Err(violation("at most 64 bots of a channel unseal their DMs"));
                }
            }
            SystemEvent::CloseRequested { .. } if std::mem::replace(&mut self.is_closing, true) => {
                return Err(violation("the channel was closing before"));
            }
            SystemEvent::Closed {} if !self.is_closing => {
                return Err(violation("nobody had asked to close the channel"));
            }
            SystemEvent::Closed {} | SystemEvent::OperatorStopped {} => self.has_ended = true,
            _ => {}
        }
        (self.last_id, self.last_ts) = (*id, *ts);
        Ok(event)
    }
}
