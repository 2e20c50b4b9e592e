//! The relay's store: the trait, its backends, and the contract suite that every backend passes.
//!
//! One primitive changes a channel: [`Store::append`]. It is atomic, and durable before it returns.
//! Every method is a whole domain operation in one transaction. SQL is in the backends only.
//!
//! # Life of an append
//!
//! 1. The relay puts a [`ChannelBatch`] together: entries that the rules of `protocol::channel` allow, the
//!    state that they lead to, and the rows that belong to them (idempotency record, memberships, bots).
//!    It is prepared against a log of a certain size, [`ChannelBatch::base`].
//! 2. [`Store::append`] queues the batch before it returns a future, so batches are taken in the order of
//!    the calls. A caller need not wait for one batch before it prepares the next against it. Dropping the
//!    future does not withdraw the batch.
//! 3. The backend checks the batch against what is stored. The log must still have the size `base`, or
//!    the batch is refused with [`AppendError::Conflict`]. Every bot that the batch moves must be where the
//!    batch expects it, or it is refused with [`AppendError::BotMoved`]: another worker ran the same hook
//!    first. An idempotency key that is in use takes precedence over both, and refuses the batch with
//!    [`AppendError::Repeated`]: the caller wants to know what the first request did, not that the channel
//!    has changed since, which it did by that very request.
//! 4. All of the batch is written, or nothing. The SQLite backend commits the batches that arrived since
//!    its last commit in one transaction, and so with one wait for the disk (group commit). A refused batch
//!    leaves no trace in it; if the transaction fails, its batches are tried one by one, so that only the
//!    faulty one fails.
//! 5. The future resolves to an [`Appended`] once the transaction is on disk. Only then may anybody see the entries.
//!
//! # Another backend
//!
//! A backend implements [`Store`], [`OAuthStore`] and [`WebhookStore`], and runs the suite in `contract`, which is public with the
//! feature `contract`. In a test of the backend, with `tokio` among the dev-dependencies:
//!
//! ```ignore
//! async fn subject() -> mcp_multiplayer_relay_store::contract::Subject {
//!     Subject::new(|| async { Arc::new(open_my_store().await) as Arc<dyn Store> }.boxed()).await
//! }
//! mcp_multiplayer_relay_store::store_contract!(super::subject);
//! ```

mod batch;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod failpoint;
pub mod oauth;
pub mod sqlite;
mod webhook;

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::channel::ChannelState;
use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use mcp_multiplayer_protocol::merkle::Node;
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Hash};
use thiserror::Error;

pub use mcp_multiplayer_protocol::channel::Tenure;

pub use batch::{
    AcceptedTerms, Appended, BotChange, BotCursor, BytesByKind, ChannelBatch, Exchange, IdempotencyRecord, Membership,
    NewBot, NewToken, StoredBot, StoredChannel, Token,
};
pub use oauth::{
    AccessCode, AuthorizationCode, DeviceCode, DeviceCodeState, Grant, NewAuthorizationCode, NewDeviceCode, NewTokens,
    OAuthStore, RedemptionOutcome, RefreshToken, RegisteredClient, RotationOutcome, client_principal,
};
pub use webhook::{Webhook, WebhookCount, WebhookFailure, WebhookProgress, WebhookStore};

/// A store of channels, of the authorization server's data and of webhooks. One process or several may use it.
pub trait Store: OAuthStore + WebhookStore {
    /// Appends a batch to a channel: all of it, durably, or nothing.
    ///
    /// Batches are taken in the order of the calls, so that several of one channel may be under way, each
    /// prepared against the end of the one before. A batch is appended even if the future is dropped.
    ///
    /// # Panics
    /// If the batch contradicts itself, see [`ChannelBatch::is_consistent`].
    fn append(&self, batch: ChannelBatch) -> BoxFuture<'static, Result<Appended, AppendError>>;

    /// Looks up a channel, with the state that its log leads to; `None` when there is no such channel.
    fn lookup_channel(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Option<StoredChannel>, StoreError>>;

    /// Number of bytes that are stored for all channels that a principal created.
    fn stored_bytes_of(&self, owner: String) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Lists all channels, the largest first.
    fn list_all_channels(&self) -> BoxFuture<'_, Result<Vec<StoredChannel>, StoreError>>;

    /// Number of entries of each of these channels; 0 when there is no such channel.
    fn channel_sizes(&self, channel_ids: Vec<ChannelId>) -> BoxFuture<'_, Result<Vec<u64>, StoreError>>;

    /// Adds up what is stored for a channel. Reads all of it.
    fn measure_channel(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<BytesByKind, StoreError>>;

    /// Lists the memberships of a channel, past ones included, by slot.
    fn list_memberships(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<Membership>, StoreError>>;

    /// Deletes a channel with everything that is stored for it; `false` when there is no such channel. Only for a closed one,
    /// to which nothing is appended any more.
    fn delete_channel(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Returns `true` if another process has changed the store since the last call, or since it was opened.
    fn changed_elsewhere(&self) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Lists entries after `after`, in order: at most `limit` of them, with bodies of at most `max_bytes`
    /// together. The first one is returned even if it is larger.
    fn list_entries(
        &self,
        channel_id: ChannelId,
        after: u64,
        limit: u32,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;

    /// Lists hashes of a channel's Merkle tree, in the order of `nodes`, each with one look-up; `None` if one of them is not in
    /// the tree, or there is no such channel.
    fn list_nodes(
        &self,
        channel_id: ChannelId,
        nodes: Vec<Node>,
    ) -> BoxFuture<'_, Result<Option<Vec<Hash>>, StoreError>>;

    /// Finds the record of the first request under an idempotency key.
    fn find_idempotency(
        &self,
        scope: String,
        key: String,
    ) -> BoxFuture<'_, Result<Option<IdempotencyRecord>, StoreError>>;

    /// Lists the tenures that a principal has ever held in a channel, by slot.
    fn list_tenures(&self, principal: String, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<Tenure>, StoreError>>;

    /// Lists the terms that a principal has accepted, the newest first, at most [`AcceptedTerms::LIMIT`].
    fn list_accepted_terms(&self, principal: String) -> BoxFuture<'_, Result<Vec<AcceptedTerms>, StoreError>>;

    /// Lists the channels that a principal created or ever held a seat in, the newest first, at most `limit`.
    fn list_channels(&self, principal: String, limit: u32) -> BoxFuture<'_, Result<Vec<ChannelState>, StoreError>>;

    /// Looks up a bot, attached or detached, with its state.
    fn lookup_bot(&self, channel_id: ChannelId, bot_id: BotId) -> BoxFuture<'_, Result<Option<StoredBot>, StoreError>>;

    /// Lists the network traffic of a channel's bots, in the order of the hooks.
    fn list_exchanges(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<Exchange>, StoreError>>;

    /// Lists all bots that were ever attached to a channel, in the order in which they were.
    fn list_bots(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<StoredBot>, StoreError>>;

    /// Lists the channels in which a bot has a timer, or has yet to pass an entry that may start one of its hooks, and those
    /// that are being closed.
    fn list_channels_with_due_bots(&self) -> BoxFuture<'_, Result<Vec<ChannelId>, StoreError>>;

    /// Records a token that an operator made.
    fn insert_token(&self, token: NewToken) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The token with this hash, unless it was revoked.
    fn find_token(&self, token_hash: Hash) -> BoxFuture<'_, Result<Option<Token>, StoreError>>;

    /// All tokens that were not revoked, the oldest first.
    fn list_tokens(&self) -> BoxFuture<'_, Result<Vec<Token>, StoreError>>;

    /// Revokes a token by its id; `false` when there is none.
    fn revoke_token(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Binds the store to the relay's key with this fingerprint, unless it is bound already, and returns the fingerprint
    /// that it is bound to.
    fn bind_relay_key(&self, fingerprint: Hash) -> BoxFuture<'_, Result<Hash, StoreError>>;

    /// The fingerprint of the relay's key that the store is bound to; `None` before the first relay runs on it.
    fn lookup_relay_key(&self) -> BoxFuture<'_, Result<Option<Hash>, StoreError>>;

    /// Binds the store to the log with this name and key, unless it is bound already, and returns the one that it is bound to.
    fn bind_log(&self, identity: LogIdentity) -> BoxFuture<'_, Result<LogIdentity, StoreError>>;

    /// The log that the store is bound to; `None` before the first relay runs on it.
    fn lookup_log(&self) -> BoxFuture<'_, Result<Option<LogIdentity>, StoreError>>;

    /// Checks that the store can write.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns once the store has failed for good: until the program starts again, nothing can be stored. Never returns
    /// while it works, or after it was closed.
    fn failed(&self) -> BoxFuture<'static, ()>;
}

/// Reasons why a batch was not appended; nothing of it was written.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The log is not of the size that the batch was prepared against.
    #[error("the log has grown or shrunk to {size} entries")]
    Conflict {
        /// Its size; 0 when there is no such channel.
        size: u64,
    },
    /// A bot's cursor is not where the batch expects it: the bot was detached, or another worker ran the hook.
    #[error("the bot {0} is not where the batch expects it")]
    BotMoved(BotId),
    /// The idempotency key was used before. Takes precedence over `Conflict` and `BotMoved`.
    #[error("the idempotency key was used before")]
    Repeated(Box<IdempotencyRecord>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Failures of a store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database refused an operation.
    #[error("{operation}: {source}")]
    Database {
        /// The operation.
        operation: &'static str,
        /// The database's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk, or the user's quota on it, is full. Nothing was written.
    #[error("{operation}: the disk is full ({source}); free some space")]
    Full {
        /// The operation.
        operation: &'static str,
        /// The database's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row contains something that this program would not have written.
    #[error("corrupt row in {table}, column {column}: {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Key of the row.
        row: String,
    },
    /// The queue of the store is full.
    #[error("the store is overloaded")]
    Overloaded,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}
