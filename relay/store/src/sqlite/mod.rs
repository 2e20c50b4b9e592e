//! The SQLite backend: one file, for one relay.
//!
//! One thread does all writing. It commits everything that arrived since its last commit in one
//! transaction (group commit). Reads use other connections and do not wait for it. Each table's SQL
//! is in the file named after it.

mod append;
mod bot;
mod channel;
mod delete;
mod entry;
mod exchange;
mod idempotency;
mod log;
mod membership;
mod node;
mod oauth;
mod reader;
mod relay_key;
mod row;
mod schema;
mod terms;
#[cfg(test)]
mod tests;
mod token;
mod webhook;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use mcp_multiplayer_protocol::channel::ChannelState;
use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use mcp_multiplayer_protocol::merkle::Node;
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Hash, Timestamp};

use self::append::Append;
use self::reader::Readers;
use self::row::failed;
use self::schema::OpenError;
use self::writer::Writer;
use super::{
    AcceptedTerms, AppendError, Appended, BytesByKind, ChannelBatch, Exchange, IdempotencyRecord, Membership, NewToken,
    Store, StoreError, StoredBot, StoredChannel, Tenure, Token, Webhook, WebhookCount, WebhookProgress, WebhookStore,
};

/// A store in one SQLite file.
///
/// Dropping it waits until everything that was queued is durable.
#[derive(Debug)]
pub struct SqliteStore {
    // Fields are dropped in this order, so the lock is released last.
    writer: Writer,
    readers: Readers,
    /// The writer's `data_version` at the last look, which changes when another connection writes.
    data_version: AtomicI64,
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the file for a relay, and creates it if necessary. A second relay is refused until the store is dropped.
    ///
    /// A new file has mode 0600. Beside it are `<path>-wal`, `<path>-shm` and `<path>.lock`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = schema::lock(path).map_err(not_opened)?;
        Self::start(path, Some(lock))
    }

    /// Opens the file for an administration command, whether or not a relay has it open.
    pub fn open_shared(path: &Path) -> Result<Self, StoreError> {
        Self::start(path, None)
    }

    fn start(path: &Path, lock: Option<File>) -> Result<Self, StoreError> {
        let connection = schema::connect_writer(path).map_err(not_opened)?;
        let failed = |source| not_opened(OpenError::File { path: path.to_owned(), source });
        let data_version = AtomicI64::new(schema::data_version(&connection)?);
        let writer = Writer::start(connection).map_err(failed)?;
        Ok(Self { writer, readers: Readers::new(path), data_version, _lock: lock })
    }
}

fn not_opened(source: OpenError) -> StoreError {
    StoreError::Database { operation: "open the database", source: Box::new(source) }
}

impl Store for SqliteStore {
    fn append(&self, batch: ChannelBatch) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let append = Append::new(batch);
        let queued = self.writer.queue(move |connection| append.run(connection));
        async move { queued.await? }.boxed()
    }

    fn lookup_channel(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Option<StoredChannel>, StoreError>> {
        async move { self.readers.short(|connection| channel::lookup(connection, channel_id)) }.boxed()
    }

    fn stored_bytes_of(&self, owner: String) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.readers.long(move |connection| channel::stored_bytes_of(connection, &owner)).boxed()
    }

    fn list_all_channels(&self) -> BoxFuture<'_, Result<Vec<StoredChannel>, StoreError>> {
        self.readers.long(channel::list_all).boxed()
    }

    fn channel_sizes(&self, channel_ids: Vec<ChannelId>) -> BoxFuture<'_, Result<Vec<u64>, StoreError>> {
        self.readers.long(move |connection| channel::sizes(connection, &channel_ids)).boxed()
    }

    fn measure_channel(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<BytesByKind, StoreError>> {
        self.readers.long(move |connection| channel::measure(connection, channel_id)).boxed()
    }

    fn list_accepted_terms(&self, principal: String) -> BoxFuture<'_, Result<Vec<AcceptedTerms>, StoreError>> {
        self.readers.long(move |connection| terms::list(connection, &principal)).boxed()
    }

    fn list_memberships(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<Membership>, StoreError>> {
        self.readers.long(move |connection| membership::list(connection, channel_id)).boxed()
    }

    fn delete_channel(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            // Found before the transaction, which keeps a relay from writing: this reads the whole table.
            let records = self.readers.long(move |connection| idempotency::list_keys(connection, channel_id)).await?;
            self.writer.queue(move |connection| delete::channel(connection, channel_id, &records)).await
        }
        .boxed()
    }

    fn changed_elsewhere(&self) -> BoxFuture<'_, Result<bool, StoreError>> {
        // Asked on the writer's connection, for which everything that this process writes is its own.
        let version = self.writer.queue(schema::data_version);
        async move {
            let version = version.await?;
            Ok(self.data_version.swap(version, Ordering::SeqCst) != version)
        }
        .boxed()
    }

    fn list_entries(
        &self,
        channel_id: ChannelId,
        after: u64,
        limit: u32,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.readers.long(move |connection| entry::list(connection, channel_id, after, limit, max_bytes)).boxed()
    }

    fn list_nodes(
        &self,
        channel_id: ChannelId,
        nodes: Vec<Node>,
    ) -> BoxFuture<'_, Result<Option<Vec<Hash>>, StoreError>> {
        self.readers.long(move |connection| node::list(connection, channel_id, &nodes)).boxed()
    }

    fn find_idempotency(
        &self,
        scope: String,
        key: String,
    ) -> BoxFuture<'_, Result<Option<IdempotencyRecord>, StoreError>> {
        async move { self.readers.short(|connection| idempotency::find(connection, &scope, &key)) }.boxed()
    }

    fn list_tenures(&self, principal: String, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<Tenure>, StoreError>> {
        async move { self.readers.short(|connection| membership::list_tenures(connection, &principal, channel_id)) }
            .boxed()
    }

    fn list_channels(&self, principal: String, limit: u32) -> BoxFuture<'_, Result<Vec<ChannelState>, StoreError>> {
        self.readers.long(move |connection| channel::list(connection, &principal, limit)).boxed()
    }

    fn lookup_bot(&self, channel_id: ChannelId, bot_id: BotId) -> BoxFuture<'_, Result<Option<StoredBot>, StoreError>> {
        self.readers.long(move |connection| bot::lookup(connection, channel_id, &bot_id)).boxed()
    }

    fn list_exchanges(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<Exchange>, StoreError>> {
        self.readers.long(move |connection| exchange::list(connection, channel_id)).boxed()
    }

    fn list_bots(&self, channel_id: ChannelId) -> BoxFuture<'_, Result<Vec<StoredBot>, StoreError>> {
        self.readers.long(move |connection| bot::list(connection, channel_id)).boxed()
    }

    fn list_channels_with_due_bots(&self) -> BoxFuture<'_, Result<Vec<ChannelId>, StoreError>> {
        self.readers.long(channel::list_with_hooks_due).boxed()
    }

    fn insert_token(&self, token: NewToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(move |connection| token::insert(connection, &token)).boxed()
    }

    fn find_token(&self, token_hash: Hash) -> BoxFuture<'_, Result<Option<Token>, StoreError>> {
        async move { self.readers.short(|connection| token::find(connection, token_hash)) }.boxed()
    }

    fn list_tokens(&self) -> BoxFuture<'_, Result<Vec<Token>, StoreError>> {
        self.readers.long(token::list).boxed()
    }

    fn revoke_token(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.queue(move |connection| token::revoke(connection, &id)).boxed()
    }

    fn bind_relay_key(&self, fingerprint: Hash) -> BoxFuture<'_, Result<Hash, StoreError>> {
        self.writer.queue(move |connection| relay_key::bind(connection, fingerprint)).boxed()
    }

    fn lookup_relay_key(&self) -> BoxFuture<'_, Result<Option<Hash>, StoreError>> {
        async move { self.readers.short(relay_key::lookup) }.boxed()
    }

    fn bind_log(&self, identity: LogIdentity) -> BoxFuture<'_, Result<LogIdentity, StoreError>> {
        self.writer.queue(move |connection| log::bind(connection, &identity)).boxed()
    }

    fn lookup_log(&self) -> BoxFuture<'_, Result<Option<LogIdentity>, StoreError>> {
        async move { self.readers.short(log::lookup) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(|connection| schema::rewrite_version(connection).map_err(failed("write"))).boxed()
    }

    fn failed(&self) -> BoxFuture<'static, ()> {
        self.writer.failed().boxed()
    }
}

impl WebhookStore for SqliteStore {
    fn put_webhook(
        &self,
        webhook: Webhook,
        limit: u32,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Webhook>, StoreError>> {
        self.writer.queue(move |connection| webhook::put(connection, &webhook, limit, now)).boxed()
    }

    fn lookup_webhook(&self, id: String) -> BoxFuture<'_, Result<Option<Webhook>, StoreError>> {
        async move { self.readers.short(|connection| webhook::lookup(connection, &id)) }.boxed()
    }

    fn count_webhooks(
        &self,
        principal: String,
        url: String,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<WebhookCount, StoreError>> {
        async move { self.readers.short(|connection| webhook::count(connection, &principal, &url, now)) }.boxed()
    }

    fn list_webhooks(&self) -> BoxFuture<'_, Result<Vec<Webhook>, StoreError>> {
        self.readers.long(webhook::list).boxed()
    }

    fn record_webhook_progress(&self, id: String, progress: WebhookProgress) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(move |connection| webhook::record(connection, &id, &progress)).boxed()
    }

    fn delete_webhook(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.queue(move |connection| webhook::delete(connection, &id)).boxed()
    }
}
