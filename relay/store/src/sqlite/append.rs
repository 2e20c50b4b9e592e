use mcp_multiplayer_protocol::{BotId, Hash};
use rusqlite::Connection;

use super::bot::Cursors;
use super::channel::HeadColumns;
use super::row::{failed, integer};
use super::{bot, channel, entry, idempotency, membership, terms};
use crate::{AppendError, Appended, BotChange, ChannelBatch, StoreError, failpoint};

/// A batch, with everything computed that does not need the database, so that the writer thread has less to do.
pub(super) struct Append {
    batch: ChannelBatch,
    head: HeadColumns,
    /// For each entry, the hashes of the Merkle tree that it completes.
    nodes: Vec<Vec<Hash>>,
    /// The new composition; `None` when the entries did not change it.
    composition: Option<String>,
    bytes: u64,
    /// The entries whose bodies are destroyed.
    deleted: Vec<u64>,
}

impl Append {
    pub(super) fn new(batch: ChannelBatch) -> Self {
        assert!(batch.is_consistent(), "the state of a batch is the one that its entries lead to");
        let composition = &batch.state.composition;
        let composition = (composition.revision > batch.base.size()).then(|| channel::composition_column(composition));
        let (head, nodes, bytes) = (HeadColumns::new(&batch.state.head), batch.nodes(), batch.bytes());
        let deleted = batch.deleted();
        Self { batch, head, nodes, composition, bytes, deleted }
    }

    /// Writes the batch, or returns why it was refused.
    ///
    /// A refused batch must leave no trace, because other batches share the transaction. So all
    /// checks come first. The last of them is the insert of the idempotency record, which writes
    /// nothing if the key is in use. An `Err` of the outer result fails the whole transaction.
    pub(super) fn run(&self, connection: &Connection) -> Result<Result<Appended, AppendError>, StoreError> {
        let batch = &self.batch;
        assert!(!failpoint::fails("store.append_panics"), "a failpoint was reached");
        let is_of_hook = |change: &BotChange| matches!(change, BotChange::Advance { from, to, .. } if from != to);
        if batch.bots.iter().any(is_of_hook) && failpoint::fails("store.hook_append_fails") {
            return Err(StoreError::Database { operation: "append", source: "a failpoint was reached".into() });
        }
        let stored = channel::find(connection, batch.channel_id)?;
        let follows = stored.as_ref().map_or(batch.base.size() == 0, |stored| stored.is(&batch.base));
        if !follows {
            let size = stored.map_or(0, |stored| stored.size);
            return self.refuse(connection, AppendError::Conflict { size });
        }
        let stored = stored.map(|stored| stored.no);
        let cursors = match self.moved_cursors(connection, stored)? {
            Ok(cursors) => cursors,
            Err(bot_id) => return self.refuse(connection, AppendError::BotMoved(bot_id)),
        };
        if let Some(record) = &batch.idempotency
            && !idempotency::insert(connection, record)?
        {
            let first = idempotency::find(connection, &record.scope, &record.key)?;
            let first = first.ok_or_else(|| failed("repeat")(rusqlite::Error::QueryReturnedNoRows))?;
            return Ok(Err(AppendError::Repeated(Box::new(first))));
        }
        // Nothing below refuses the batch. If the database fails, the whole transaction does.
        let channel = if let Some(channel) = stored {
            channel
        } else {
            let creator = batch.creator().expect("a batch that creates a channel names its creator");
            channel::insert(connection, batch.channel_id, creator)?
        };
        for (entry, nodes) in batch.entries.iter().zip(&self.nodes) {
            entry::insert(connection, channel, entry, nodes)?;
        }
        for (slot_id, entry) in &batch.ended {
            membership::end(connection, channel, *slot_id, *entry)?;
        }
        for membership in &batch.memberships {
            membership::insert(connection, channel, membership)?;
        }
        for accepted in &batch.accepted {
            terms::insert(connection, accepted)?;
        }
        let mut replaced = entry::delete_contents(connection, channel, &self.deleted)?;
        for change in &batch.bots {
            replaced += bot::write(connection, channel, change)?;
        }
        if let Some(composition) = &self.composition {
            channel::write_composition(connection, channel, composition)?;
        }
        let growth = integer(self.bytes) - integer(replaced);
        channel::move_head(connection, channel, batch.base.size(), &self.head, self.hooks_due(&cursors), growth)?;
        Ok(Ok(Appended { tree: self.head.tree(), growth }))
    }

    /// Returns the refusal, or `Repeated` if the batch is a repeat.
    ///
    /// A repeat usually conflicts as well, because the first request has moved the channel on. The caller
    /// needs to know that it is a repeat.
    fn refuse(
        &self,
        connection: &Connection,
        refusal: AppendError,
    ) -> Result<Result<Appended, AppendError>, StoreError> {
        let first = match &self.batch.idempotency {
            Some(record) => idempotency::find(connection, &record.scope, &record.key)?,
            None => None,
        };
        Ok(Err(first.map_or(refusal, |first| AppendError::Repeated(Box::new(first)))))
    }

    /// Computes the cursors of the attached bots after the batch, or the bot that is not where the batch expects it.
    fn moved_cursors(
        &self,
        connection: &Connection,
        channel: Option<i64>,
    ) -> Result<Result<Cursors, BotId>, StoreError> {
        let batch = &self.batch;
        let mut cursors = match channel {
            Some(channel) if !(batch.bots.is_empty() && batch.state.composition.bots.is_empty()) => {
                Cursors::load(connection, channel)?
            }
            _ => Cursors::default(),
        };
        for change in &batch.bots {
            let taken = match (change, channel) {
                (BotChange::Attach(bot), Some(channel)) => bot::was_attached(connection, channel, &bot.bot_id)?,
                _ => false,
            };
            if taken || !cursors.apply(change) {
                return Ok(Err(change.bot_id().clone()));
            }
        }
        Ok(Ok(cursors))
    }

    /// Returns `true` if an attached bot has yet to pass an entry that may start one of its hooks, or if the channel is being
    /// closed.
    fn hooks_due(&self, cursors: &Cursors) -> bool {
        let state = &self.batch.state;
        let composition = &state.composition;
        if composition.close_requested.is_some() || composition.closed.is_some() {
            return composition.closed.is_none();
        }
        state.bots().any(|(bot, head)| cursors.of(&bot.bot_id).is_some_and(|cursor| cursor.entry <= head.due))
    }
}
