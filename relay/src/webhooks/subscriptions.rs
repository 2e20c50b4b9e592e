use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use mcp_multiplayer_mcp::events::{
    EVENT, EventError, EventSubscription, Lifetime, Start, SubscribeWebhook, SubscribedWebhook, WebhookReply,
    WebhookRequest, WebhookStatus, begin,
};
use mcp_multiplayer_protocol::{Error, Timestamp, canonical_text};
use tokio::sync::{Mutex, watch};
use tokio_util::task::AbortOnDropHandle;

use super::callback_url::CallbackUrl;
use super::challenge::{self, ChallengeError};
use super::delivery::Delivery;
use super::post::{Poster, Recipient};
use super::secret::SigningSecrets;
use crate::auth::{Credential, Principal};
use crate::error::store_failed;
use crate::operation::Caller;
use crate::quota::Quotas;
use crate::state::Relay;
use crate::store::{Webhook, WebhookProgress};

/// Lifetime of a subscription if the client does not suggest one, in milliseconds: one day.
const DEFAULT_LIFETIME_MS: u64 = 24 * 3_600_000;
/// Maximum lifetime, in milliseconds: one week.
const MAX_LIFETIME_MS: u64 = 7 * DEFAULT_LIFETIME_MS;
/// Minimum lifetime, in milliseconds.
const MIN_LIFETIME_MS: u64 = 1_000;

/// The webhook subscriptions of a relay. Dropping the last clone ends their tasks.
#[derive(Clone)]
pub(crate) struct Webhooks {
    relay: Arc<Relay>,
    poster: Arc<Poster>,
    tasks: Arc<Mutex<HashMap<String, Task>>>,
    /// Held while a subscription is changed in the store and its task is told, so that no task ends because of what was before.
    changes: Arc<Mutex<()>>,
}

/// The task that delivers a subscription. Dropping it ends the task.
struct Task {
    refreshes: watch::Sender<Webhook>,
    handle: AbortOnDropHandle<()>,
}

impl Webhooks {
    /// Opens the subscriptions of a relay, and continues their delivery.
    pub(crate) async fn open(relay: &Arc<Relay>) -> Result<Self> {
        let poster = Arc::new(Poster::open(&relay.config, relay.clock.clone())?);
        let webhooks = Self { relay: Arc::clone(relay), poster, tasks: Arc::default(), changes: Arc::default() };
        if webhooks.are_offered() {
            let mut tasks = webhooks.tasks.lock().await;
            for webhook in relay.store.list_webhooks().await? {
                webhooks.start(&mut tasks, webhook);
            }
            drop(tasks);
        }
        Ok(webhooks)
    }

    /// Returns whether principals may have subscriptions.
    pub(crate) fn are_offered(&self) -> bool {
        self.relay.config.webhooks_per_principal > 0
    }

    /// Performs a request for the principal of a token.
    pub(crate) async fn perform(
        self,
        credential: Credential,
        request: WebhookRequest,
    ) -> Result<WebhookReply, EventError> {
        match request {
            WebhookRequest::Subscribe(request) => {
                Ok(WebhookReply::Subscribed(self.subscribe(&credential, request).await?))
            }
            WebhookRequest::Unsubscribe { subscription, url } => {
                self.unsubscribe(credential.principal(), subscription, &url).await?;
                Ok(WebhookReply::Unsubscribed)
            }
        }
    }

    async fn subscribe(
        &self,
        credential: &Credential,
        request: SubscribeWebhook,
    ) -> Result<SubscribedWebhook, EventError> {
        let SubscribeWebhook { subscription, start, url, secret, lifetime } = request;
        let url = parse_url(&url)?;
        let secrets = SigningSecrets::new(secret).ok_or_else(|| {
            let message = "'delivery.secret' must be 'whsec_' and 24 to 64 bytes in base64.";
            EventError::InvalidParams(message.to_owned())
        })?;
        let refused = |error: Error| EventError::of_operation(&error);
        let (store, principal) = (&self.relay.store, credential.principal());
        self.relay.quotas.check_disk().map_err(refused)?;
        let credential = self.relay.tokens.outliving(credential).await.map_err(refused)?;

        let arguments = canonical_arguments(subscription);
        let id = self.relay.key.webhook_id(principal.as_str(), url.as_str(), EVENT, &arguments);
        let now = self.relay.clock.now();
        let existing = store.lookup_webhook(id.clone()).await.map_err(|error| refused(store_failed(error)))?;
        let existing = existing.filter(|existing| now < existing.expires_at);
        // A live subscription keeps its position, whatever the client's cursor is.
        let start = if existing.is_some() { Start::default() } else { start };
        let caller = Caller::new(Arc::clone(&self.relay), credential.clone());
        let (cursor, truncated) = begin(&caller, subscription, start).await?;
        let secrets = match existing
            .as_ref()
            .and_then(|existing| SigningSecrets::open(&self.relay.key, &id, &existing.sealed_secrets))
        {
            Some(earlier) => secrets.replacing(earlier, now),
            None => secrets,
        };
        self.verify(principal, Recipient { subscription_id: &id, url: &url, secrets: &secrets }, existing.is_some())
            .await?;

        let now = self.relay.clock.now();
        let webhook = Webhook {
            principal: principal.as_str().to_owned(),
            credential: credential.to_bytes(),
            url: url.as_str().to_owned(),
            sealed_secrets: secrets.seal(&self.relay.key, &id, &self.relay.random),
            name: EVENT.to_owned(),
            arguments,
            expires_at: now.after_millis(lifetime_ms(lifetime)),
            progress: WebhookProgress { cursor, ..WebhookProgress::default() },
            id,
        };
        let stored = self.put(webhook, now).await?;
        tracing::info!(webhook.id = stored.id, host = url.host(), expires_at = %stored.expires_at, "webhook subscribed");
        Ok(SubscribedWebhook {
            id: stored.id,
            refresh_before: stored.expires_at,
            cursor: stored.progress.cursor,
            truncated,
            status: existing.map(|existing| status(existing.progress)),
        })
    }

    /// Verifies that the endpoint wants to receive deliveries for this principal, unless it is known to.
    async fn verify(
        &self,
        principal: &Principal,
        recipient: Recipient<'_>,
        is_refresh: bool,
    ) -> Result<(), EventError> {
        let refused = |error: Error| EventError::of_operation(&error);
        let url = recipient.url;
        let count = (self.relay.store)
            .count_webhooks(principal.as_str().to_owned(), url.as_str().to_owned(), self.relay.clock.now())
            .await
            .map_err(|error| refused(store_failed(error)))?;
        // Checked again when the subscription is stored. Here, it saves the endpoint a challenge.
        if !is_refresh && count.all >= self.relay.config.webhooks_per_principal {
            return Err(self.too_many());
        }
        if count.has_url {
            return Ok(());
        }
        self.relay.quotas.take_challenge_of(principal, url.host()).map_err(|error| EventError::ResourceExhausted {
            limit: "challenges",
            max: Quotas::CHALLENGES_PER_MINUTE,
            message: format!("{} {}", error.message, error.hint),
        })?;
        challenge::verify(&self.poster, recipient, &self.relay.random).await.map_err(|error| {
            tracing::info!(webhook.id = recipient.subscription_id, host = url.host(), ?error, "webhook not verified");
            match error {
                ChallengeError::Forbidden => {
                    let message = "This relay is not allowed to connect to the host of 'delivery.url'.";
                    EventError::InvalidParams(message.to_owned())
                }
                ChallengeError::Endpoint(reason) => EventError::CallbackEndpoint(reason),
            }
        })
    }

    /// Stores a subscription, and starts its delivery, or tells the task that it was refreshed. What is under way goes on.
    async fn put(&self, webhook: Webhook, now: Timestamp) -> Result<Webhook, EventError> {
        let mut tasks = self.tasks.lock().await;
        let _changes = self.changes.lock().await;
        let id = webhook.id.clone();
        let stored = self.relay.store.put_webhook(webhook, self.relay.config.webhooks_per_principal, now).await;
        let stored = stored.map_err(|error| EventError::of_operation(&store_failed(error)))?;
        let stored = stored.ok_or_else(|| self.too_many())?;
        // A task that has ended takes no refreshes.
        if tasks.get(&id).is_none_or(|task| task.refreshes.send(stored.clone()).is_err()) {
            self.start(&mut tasks, stored.clone());
        }
        Ok(stored)
    }

    async fn unsubscribe(
        &self,
        principal: &Principal,
        subscription: EventSubscription,
        url: &str,
    ) -> Result<(), EventError> {
        let (url, arguments) = (parse_url(url)?, canonical_arguments(subscription));
        let id = self.relay.key.webhook_id(principal.as_str(), url.as_str(), EVENT, &arguments);
        let mut tasks = self.tasks.lock().await;
        if let Some(Task { handle, .. }) = tasks.remove(&id) {
            handle.abort();
            let _ = handle.await;
        }
        let deleted = self.relay.store.delete_webhook(id).await;
        if deleted.map_err(|error| EventError::of_operation(&store_failed(error)))? {
            return Ok(());
        }
        let message = "You have no subscription with this URL and these arguments. It may have ended or expired.";
        Err(EventError::NotFound { kind: "subscription", message: message.to_owned() })
    }

    fn start(&self, tasks: &mut HashMap<String, Task>, webhook: Webhook) {
        tasks.retain(|_, task| !task.handle.is_finished());
        let id = webhook.id.clone();
        let (refreshes, receiver) = watch::channel(webhook);
        let (relay, poster, changes) = (Arc::clone(&self.relay), Arc::clone(&self.poster), Arc::clone(&self.changes));
        let Some(delivery) = Delivery::new(relay, poster, changes, receiver) else {
            tracing::error!(webhook.id = id, "a stored webhook cannot be read; it is not delivered");
            return;
        };
        let handle = AbortOnDropHandle::new(tokio::spawn(delivery.run()));
        tasks.insert(id, Task { refreshes, handle });
    }

    fn too_many(&self) -> EventError {
        let max = self.relay.config.webhooks_per_principal;
        let message = format!("You have {max} webhook subscriptions, as many as this relay allows. End one first.");
        EventError::ResourceExhausted { limit: "subscriptions", max, message }
    }
}

fn parse_url(url: &str) -> Result<CallbackUrl, EventError> {
    CallbackUrl::parse(url).map_err(|message| EventError::InvalidParams(message.to_owned()))
}

/// Returns the arguments of a subscription, with their defaults, in the one form that its id is made of.
fn canonical_arguments(subscription: EventSubscription) -> String {
    let value = serde_json::to_value(subscription).expect("arguments are plain JSON");
    canonical_text("arguments", &value).expect("arguments are texts")
}

/// Returns the lifetime that is granted.
fn lifetime_ms(suggested: Lifetime) -> u64 {
    match suggested {
        Lifetime::Default => DEFAULT_LIFETIME_MS,
        Lifetime::Millis(millis) => millis.clamp(MIN_LIFETIME_MS, MAX_LIFETIME_MS),
        Lifetime::Unlimited => MAX_LIFETIME_MS,
    }
}

fn status(progress: WebhookProgress) -> WebhookStatus {
    let WebhookProgress { delivered_at, failure, .. } = progress;
    let active = failure.as_ref().is_none_or(|failure| failure.retry_at.is_some());
    let failure = failure.map(|failure| (failure.error, failure.since));
    WebhookStatus { active, last_delivery_at: delivered_at, failure }
}
