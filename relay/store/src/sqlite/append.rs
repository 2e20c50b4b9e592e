use mcp_multiplayer_protocol::BotId;
use rusqlite::Connection;

use super::bot::Cursors;
use super::channel::HeadColumns;
use super::row::failed;
use super::{bot, channel, entry, idempotency, membership};
use crate::{AppendError, BotChange, ChannelBatch, Checkpoint, StoreError};

/// A batch, with all of it that can be computed before the writer's turn comes.
pub(super) struct Append {
    batch: ChannelBatch,
    head: HeadColumns,
    /// Present when the entries changed it.
    composition: Option<String>,
}

impl Append {
    pub(super) fn new(batch: ChannelBatch) -> Self {
        assert!(batch.is_consistent(), "a batch's state is the one that its entries lead to");
        let composition = &batch.state.composition;
        let composition = (composition.revision > batch.base).then(|| channel::composition_column(composition));
        Self { head: HeadColumns::new(&batch.state.head), composition, batch }
    }

    /// Writes the batch, or says why not and leaves no trace: other batches share the transaction.
    pub(super) fn run(&self, connection: &Connection) -> Result<Result<Checkpoint, AppendError>, StoreError> {
        let batch = &self.batch;
        let stored = channel::find(connection, batch.channel_id)?;
        let size = stored.map_or(0, |(_, size)| size);
        if size != batch.base {
            return self.refuse(connection, AppendError::Conflict { size });
        }
        let cursors = match self.follow_bots(connection, stored.map(|(channel, _)| channel))? {
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
        // From here on nothing refuses the batch; only the database may fail, and then the whole transaction does.
        let channel = match stored {
            Some((channel, _)) => channel,
            None => channel::insert(connection, batch.channel_id)?,
        };
        for entry in &batch.entries {
            entry::insert(connection, channel, entry)?;
        }
        for membership in &batch.memberships {
            membership::insert(connection, channel, membership)?;
        }
        for change in &batch.bots {
            bot::write(connection, channel, change)?;
        }
        if let Some(composition) = &self.composition {
            channel::write_composition(connection, channel, composition)?;
        }
        channel::move_head(connection, channel, batch.base, &self.head, self.hooks_due(&cursors))?;
        Ok(Ok(self.head.checkpoint()))
    }

    /// A repeat stays one when the channel has moved on, as it has by what is being repeated.
    fn refuse(
        &self,
        connection: &Connection,
        refusal: AppendError,
    ) -> Result<Result<Checkpoint, AppendError>, StoreError> {
        let first = match &self.batch.idempotency {
            Some(record) => idempotency::find(connection, &record.scope, &record.key)?,
            None => None,
        };
        Ok(Err(first.map_or(refusal, |first| AppendError::Repeated(Box::new(first)))))
    }

    /// Where the attached bots are after the batch, or which of them is not where the batch expects it.
    fn follow_bots(&self, connection: &Connection, channel: Option<i64>) -> Result<Result<Cursors, BotId>, StoreError> {
        let batch = &self.batch;
        let mut cursors = match channel {
            Some(channel) if !(batch.bots.is_empty() && batch.state.composition.bots.is_empty()) => {
                Cursors::load(connection, channel)?
            }
            _ => Cursors::default(),
        };
        for change in &batch.bots {
            let taken = match (change, channel) {
                (BotChange::Attach(bot), Some(channel)) => bot::is_known(connection, channel, &bot.bot_id)?,
                _ => false,
            };
            if taken || !cursors.follow(change) {
                return Ok(Err(change.bot_id().clone()));
            }
        }
        Ok(Ok(cursors))
    }

    fn hooks_due(&self, cursors: &Cursors) -> bool {
        let state = &self.batch.state;
        let mut dues = state.composition.bots.iter().zip(&state.head.due);
        dues.any(|(bot, due)| cursors.of(&bot.bot_id).is_some_and(|cursor| cursor.entry <= *due))
    }
}
