use super::line::{Later, LaterEntry};
use super::report::{Ending, Report};
use crate::channel::{Aftermath, Audit, ChannelState};
use crate::checkpoint::{Checkpoint, LogIdentity};
use crate::merkle::{TreeHead, verify_consistency, verify_inclusion};
use crate::{Hash, SystemEvent};

/// Verifies the part of a former member's receipt that is about the log after the end of the tenure.
#[derive(Debug)]
pub struct LaterLog {
    tree: TreeHead,
    aftermath: Aftermath,
}

impl LaterLog {
    /// Verifies that a log of this relay has the entries that lead to `state` as its beginning. The error is a sentence.
    pub fn read(later: &Later, log: Option<&LogIdentity>, state: &ChannelState) -> Result<Self, String> {
        let log = log.ok_or("The file has a later log, but its header names no relay.")?;
        let origin = log.origin.channel(state.composition.channel_id);
        let Checkpoint { tree, .. } = Checkpoint::verify(&later.checkpoint, &origin, &log.key)
            .map_err(|error| format!("The signature under the later log does not hold: {error}."))?;
        verify_consistency(state.head.frontier.tree_head(), tree, &later.proof)
            .map_err(|error| format!("The entries are not the beginning of the later log: {error}."))?;
        Ok(Self { tree, aftermath: Aftermath::new(state) })
    }

    /// Verifies that an entry is in the log, and that it may be there after the entries before it, which `audit` has read.
    /// `audit` takes note of what it unseals or deletes. Returns what the entry says; the error is a sentence.
    pub fn read_entry(&mut self, later: &LaterEntry, audit: &mut Audit) -> Result<SystemEvent, String> {
        let LaterEntry { entry, proof } = later;
        let (id, leaf): (u64, Hash) = (entry.id(), entry.envelope.leaf_hash());
        verify_inclusion(leaf, id.saturating_sub(1), self.tree, proof)
            .map_err(|error| format!("Entry {id} is not in the later log: {error}."))?;
        let event = self
            .aftermath
            .append(entry)
            .map_err(|violation| format!("Entry {}: {}.", violation.entry, violation.reason))?;
        match &event {
            SystemEvent::DmUnsealed { bot_id } => {
                audit.unseal_later(bot_id, entry.envelope.cause.unwrap_or_default());
            }
            SystemEvent::EntriesDeleted { ids, by } => {
                audit
                    .delete_later(ids, *by, self.aftermath.has_ended())
                    .map_err(|reason| format!("Entry {id}: {reason}."))?;
            }
            _ => {}
        }
        Ok(event)
    }
}

/// The statements of the entries of a verified later log, for a report.
#[derive(Debug)]
pub(super) struct LaterSummary {
    pub(super) log: LaterLog,
    /// Sentences about its entries.
    holds: Vec<String>,
}

impl LaterSummary {
    pub(super) fn new(log: LaterLog) -> Self {
        Self { log, holds: Vec::new() }
    }

    /// Adds an entry that has been verified.
    pub(super) fn add(&mut self, id: u64, event: &SystemEvent, report: &mut Report) {
        let what = match event {
            SystemEvent::SeedRevealed { bot_id, epoch, .. } => {
                format!("reveals the seed of {bot_id} that the relay committed to, of epoch {epoch}")
            }
            SystemEvent::DmUnsealed { bot_id } => format!("unseals DMs to and from {bot_id}"),
            SystemEvent::EntriesDeleted { .. } => "says that entries were deleted".to_owned(),
            SystemEvent::CloseRequested { .. } => "asks for the end of the channel".to_owned(),
            SystemEvent::Closed {} => {
                report.ending = Ending::Closed;
                "closes the channel".to_owned()
            }
            SystemEvent::OperatorStopped {} => {
                report.ending = Ending::Stopped;
                "says that the operator of the relay stopped the channel".to_owned()
            }
            _ => "is a part of it".to_owned(),
        };
        self.holds.push(format!("Entry {id} of the later log {what}."));
    }

    /// Adds what holds, for a receipt with the first `entries` entries of it.
    pub(super) fn report(self, entries: u64, report: &mut Report) {
        let size = self.log.tree.size;
        report.holds.push(format!("The log went on to entry {size}, and these {entries} entries are its beginning: the relay signed that, too."));
        report.holds.extend(self.holds);
        if size > entries {
            report.unknown.push(format!(
                "What other entries after entry {entries} say: they are not for the holder of this file."
            ));
        }
    }
}
