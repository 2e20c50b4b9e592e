//! Storage for webhook subscriptions (MCP Events, SEP-3415).

use std::fmt;

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::Timestamp;

use crate::StoreError;

/// The part of a store that keeps webhook subscriptions; each method is one transaction.
pub trait WebhookStore: Send + Sync + 'static {
    /// Inserts a subscription, or refreshes the one with the same id, and returns it as it is then stored.
    ///
    /// A refresh replaces credential, secrets and expiry, keeps the position, and makes delivery active again. A subscription
    /// that has expired at `now` counts as none. Returns `None` and changes nothing if the principal has `limit` others.
    fn put_webhook(
        &self,
        webhook: Webhook,
        limit: u32,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Webhook>, StoreError>>;

    /// Returns a subscription by its id, even if it has expired.
    fn lookup_webhook(&self, id: String) -> BoxFuture<'_, Result<Option<Webhook>, StoreError>>;

    /// Returns the number of subscriptions of a principal that have not expired at `now`, and whether one of them delivers to
    /// this URL.
    fn count_webhooks(
        &self,
        principal: String,
        url: String,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<WebhookCount, StoreError>>;

    /// Lists all subscriptions, also expired ones.
    fn list_webhooks(&self) -> BoxFuture<'_, Result<Vec<Webhook>, StoreError>>;

    /// Stores the progress of a subscription. Does nothing if there is none with this id.
    fn record_webhook_progress(&self, id: String, progress: WebhookProgress) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Deletes a subscription; `false` when there is none.
    fn delete_webhook(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>>;
}

/// A webhook subscription.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Public id, not a secret: deterministic over principal, URL, name and arguments.
    pub id: String,
    /// The subscriber.
    pub principal: String,
    /// The permission of the subscriber under which messages are read, in the relay's own form.
    pub credential: Vec<u8>,
    /// The URL that events are posted to.
    pub url: String,
    /// The secrets that sign deliveries, encrypted by the relay.
    pub sealed_secrets: Vec<u8>,
    /// Event type.
    pub name: String,
    /// Arguments of the subscription as canonical JSON.
    pub arguments: String,
    /// Time from which the subscription no longer exists.
    pub expires_at: Timestamp,
    /// Progress of delivery.
    pub progress: WebhookProgress,
}

impl fmt::Debug for Webhook {
    /// Leaves out the URL, which may contain a secret, and the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, principal, expires_at, progress, .. } = self;
        f.debug_struct("Webhook")
            .field("id", id)
            .field("principal", principal)
            .field("expires_at", expires_at)
            .field("progress", progress)
            .finish_non_exhaustive()
    }
}

/// Progress of the delivery of a webhook subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookProgress {
    /// Id of the last entry that the receiver has acknowledged, or that needs no delivery.
    pub cursor: u64,
    /// Time of the last acknowledgement.
    pub delivered_at: Option<Timestamp>,
    /// The failed attempts since then; `None` if there was none.
    pub failure: Option<WebhookFailure>,
}

/// The failed attempts at delivering one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookFailure {
    /// Number of attempts.
    pub attempts: u32,
    /// Time of the first one.
    pub since: Timestamp,
    /// Time of the next one; `None` if delivery is suspended.
    pub retry_at: Option<Timestamp>,
    /// Category of the last error.
    pub error: String,
}

/// Subscriptions that a principal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookCount {
    /// Number of them.
    pub all: u32,
    /// One of them delivers to the URL in question.
    pub has_url: bool,
}
