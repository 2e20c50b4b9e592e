//! Where channels are kept.
//!
//! One primitive changes a channel: [`Store::append`]. It is atomic, and durable before it returns.
//! Everything else here reads. Methods are whole domain operations, each one transaction; SQL stays
//! in the backends, and `contract/` holds the tests that every backend must pass.

mod batch;
#[cfg(test)]
mod contract;
pub mod failpoint;
pub mod oauth;
pub mod sqlite;

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::channel::ChannelState;
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Hash, SlotId};
use thiserror::Error;

pub use batch::{
    BotChange, BotCursor, ChannelBatch, Checkpoint, Exchange, IdempotencyRecord, Membership, NewBot, NewToken,
    StoredBot, Token,
};
pub use oauth::{
    AccessCode, AuthorizationCode, Grant, NewAuthorizationCode, NewTokens, OAuthStore, RedemptionOutcome, RefreshToken,
    RegisteredClient, RotationOutcome,
};

/// A place that keeps channels, and what the authorization server keeps; one process or many may share it.
pub trait Store: OAuthStore {
    /// Appends a batch to a channel: all of it, durably, or nothing.
    ///
    /// The future may be dropped; the batch is then appended all the same. Batches are taken in the order of
    /// the calls, so that several of one channel may be under way, each prepared against the end of the last.
    ///
    /// # Panics
    /// When the batch contradicts itself, see [`ChannelBatch::is_consistent`].
    fn append(&self, batch: ChannelBatch) -> BoxFuture<'static, Result<Checkpoint, AppendError>>;

    /// The state that a channel's log leads to; `None` when there is no such channel.
    fn lookup_channel(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Option<ChannelState>, StoreError>>;

    /// Entries after `after`, in order: at most `limit` of them, with bodies of at most `max_bytes` together;
    /// but at least one, however large, where there is one.
    fn list_entries(
        &self,
        channel_id: ChannelId,
        after: u64,
        limit: u32,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;

    /// What was first done under an idempotency key.
    fn find_idempotency(
        &self,
        scope: String,
        key: String,
    ) -> BoxFuture<'_, Result<Option<IdempotencyRecord>, StoreError>>;

    /// The tenures that a principal has ever held in a channel, by slot.
    fn list_tenures(
        &self,
        principal: String,
        channel_id: ChannelId,
    ) -> BoxFuture<'_, Result<Vec<(SlotId, u32)>, StoreError>>;

    /// The channels that a principal made or ever held a seat in, the newest first, at most `limit`.
    fn list_channels(&self, principal: String, limit: u32) -> BoxFuture<'_, Result<Vec<ChannelState>, StoreError>>;

    /// A bot, attached or detached, with its state.
    fn lookup_bot(&self, channel_id: ChannelId, bot_id: BotId) -> BoxFuture<'_, Result<Option<StoredBot>, StoreError>>;

    /// What the bots of a channel exchanged with the outside world, in the order of the hooks.
    fn list_exchanges(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<Exchange>, StoreError>>;

    /// All bots that were ever attached to a channel, in the order of their attaching.
    fn list_bots(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<StoredBot>, StoreError>>;

    /// The channels in which a bot has not yet seen an entry that may start one of its hooks, or has a timer.
    fn list_channels_with_due_bots(&self) -> BoxFuture<'_, Result<Vec<ChannelId>, StoreError>>;

    /// Records a token that an operator made.
    fn insert_token(&self, token: NewToken) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The token with this hash, unless it was revoked.
    fn find_token(&self, token_hash: Hash) -> BoxFuture<'_, Result<Option<Token>, StoreError>>;

    /// All tokens that were not revoked, the oldest first.
    fn list_tokens(&self) -> BoxFuture<'_, Result<Vec<Token>, StoreError>>;

    /// Revokes a token by its id; `false` when there is none.
    fn revoke_token(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Succeeds when the store can take a batch.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Why a batch was not appended; nothing of it was.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The log is not of the size that the batch was prepared against.
    #[error("the log has grown or shrunk to {size} entries")]
    Conflict {
        /// Its size; 0 when there is no such channel.
        size: u64,
    },
    /// A bot was changed, or another worker has run the hook.
    #[error("the bot {0} is not where the batch expects it")]
    BotMoved(BotId),
    /// The idempotency key was used before. Said rather than any of the others.
    #[error("the idempotency key was used before")]
    Repeated(Box<IdempotencyRecord>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a store could not do its work.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database said no.
    #[error("{operation}: {source}")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row does not hold what this program wrote.
    #[error("corrupt row in {table}, column {column}: {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Which row.
        row: String,
    },
    /// More is queued already than the store can do in any reasonable time.
    #[error("the store is overloaded")]
    Overloaded,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}
