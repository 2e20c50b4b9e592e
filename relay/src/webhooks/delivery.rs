use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use mcp_multiplayer_mcp::events::{EventError, EventReader, EventSubscription, Occurrence, Start, is_transient};
use mcp_multiplayer_protocol::{Error, Multiplayer as _, Timestamp, limits};
use tokio::time::sleep;

use super::callback_url::CallbackUrl;
use super::message::Message;
use super::post::{Poster, Recipient};
use super::retry::after_failure;
use super::secret::SigningSecrets;
use crate::auth::Credential;
use crate::operation::Caller;
use crate::state::Relay;
use crate::store::{Webhook, WebhookProgress};

/// Maximum number of events that are read at a time. It is small because permission is checked whenever events are read, and
/// a slow endpoint may take minutes for a few.
const PAGE_EVENTS: u32 = 16;
/// Number of entries without events after which the position is stored all the same.
const QUIET_ENTRIES: u64 = 200;
/// Pause before reading or storing is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// Longest time between two looks at the relay's clock.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// The delivery of one subscription.
pub(super) struct Delivery {
    relay: Arc<Relay>,
    poster: Arc<Poster>,
    id: String,
    url: CallbackUrl,
    secrets: SigningSecrets,
    subscription: EventSubscription,
    caller: Caller,
    expires_at: Timestamp,
    progress: WebhookProgress,
}

/// Reasons why a subscription ends.
#[derive(Debug)]
enum End {
    /// The subscriber did not refresh it.
    Expired,
    /// The endpoint does not want it any more (410).
    Gone,
    /// The subscriber may no longer read the channel.
    Terminated(Error),
}

/// Outcome of an attempt to deliver an event.
enum Attempt {
    Acknowledged,
    /// The endpoint cannot take this event (413).
    Refused,
    Gone,
    Failed(&'static str),
}

impl Delivery {
    /// Prepares the delivery of a stored subscription; `None` if this relay can't read it.
    pub(super) fn new(relay: Arc<Relay>, poster: Arc<Poster>, webhook: Webhook) -> Option<Self> {
        let Webhook { id, credential, url, sealed_secrets, name, arguments, expires_at, progress, .. } = webhook;
        let secrets = SigningSecrets::from_bytes(&relay.key.open_webhook_secrets(&id, &sealed_secrets)?)?;
        let subscription = EventSubscription::parse(&name, serde_json::from_str(&arguments).ok()?).ok()?;
        let caller = Caller::new(Arc::clone(&relay), Credential::from_bytes(&credential)?);
        let url = CallbackUrl::parse(&url).ok()?;
        Some(Self { relay, poster, id, url, secrets, subscription, caller, expires_at, progress })
    }

    /// Delivers events until the subscription ends, or the relay shuts down.
    pub(super) async fn run(mut self) {
        let (relay, caller, expires_at) = (Arc::clone(&self.relay), self.caller.clone(), self.expires_at);
        let end = tokio::select! {
            biased;
            () = relay.shutdown.cancelled() => return,
            () = wait_until(&relay, expires_at) => End::Expired,
            error = caller.end_of_access() => End::Terminated(error),
            end = self.deliver() => end,
        };
        let reason = match &end {
            End::Expired => "it expired",
            End::Gone => "its endpoint is gone",
            End::Terminated(_) => "the subscriber may no longer read the channel",
        };
        tracing::info!(webhook.id = self.id, host = self.url.host(), reason, "webhook ended");
        // Before the notice, so that there is only one. A subscription that could not be deleted ends again with the next start.
        if let Err(error) = self.relay.store.delete_webhook(self.id.clone()).await {
            tracing::error!(error.cause = %error, webhook.id = self.id, "deleting a webhook failed");
            return;
        }
        if let End::Terminated(error) = &end {
            let message = Message::terminated(&EventError::of_operation(error), &self.relay.random);
            let _ = self.poster.post(self.recipient(), &message, 0).await;
        }
    }

    async fn deliver(&mut self) -> End {
        loop {
            match self.progress.failure.as_ref().map(|failure| failure.retry_at) {
                // Suspended until the subscriber refreshes the subscription, or it expires.
                Some(None) => return pending().await,
                Some(Some(retry_at)) => wait_until(&self.relay, retry_at).await,
                None => {}
            }
            match self.follow().await {
                // Reads again from the stored position: meanwhile the subscriber may have lost the seat, or an entry its text.
                Ok(()) => {}
                Err(end) => return end,
            }
        }
    }

    /// Delivers events until an attempt fails.
    async fn follow(&mut self) -> Result<(), End> {
        let start = Start { cursor: Some(self.progress.cursor), max_age: None };
        let mut reader = loop {
            match EventReader::open(&self.caller, self.subscription, start).await {
                Ok(reader) => break reader,
                Err(error) => pause_or_end(error).await?,
            }
        };
        loop {
            let page = match reader.read(&self.caller, limits::WAIT_MS, Some(PAGE_EVENTS)).await {
                Ok(page) => page,
                Err(error) => {
                    pause_or_end(error).await?;
                    continue;
                }
            };
            for event in &page.events {
                let cursor = event.cursor.parse().unwrap_or(self.progress.cursor);
                let now = self.relay.clock.now();
                self.progress = match self.attempt(event).await {
                    Attempt::Acknowledged => WebhookProgress { cursor, delivered_at: Some(now), failure: None },
                    Attempt::Refused => {
                        let id = &self.id;
                        tracing::info!(webhook.id = id, entry = cursor, "endpoint cannot take an event; skipping it");
                        WebhookProgress { cursor, failure: None, ..self.progress.clone() }
                    }
                    Attempt::Gone => return Err(End::Gone),
                    Attempt::Failed(error) => {
                        let now = self.relay.clock.now();
                        let failure = after_failure(self.progress.failure.as_ref(), error, now, &self.relay.random);
                        if failure.retry_at.is_none() {
                            tracing::info!(webhook.id = self.id, host = self.url.host(), error, "webhook suspended");
                        }
                        self.progress.failure = Some(failure);
                        self.record().await;
                        return Ok(());
                    }
                };
                self.record().await;
            }
            if page.cursor >= self.progress.cursor + QUIET_ENTRIES {
                self.progress.cursor = page.cursor;
                self.record().await;
            }
        }
    }

    async fn attempt(&self, event: &Occurrence) -> Attempt {
        match self.poster.post(self.recipient(), &Message::event(event), 0).await {
            Ok(response) if response.status.is_success() => Attempt::Acknowledged,
            Ok(response) if response.status == StatusCode::GONE => Attempt::Gone,
            Ok(response) if response.status == StatusCode::PAYLOAD_TOO_LARGE => Attempt::Refused,
            Ok(response) => Attempt::Failed(response.category()),
            Err(error) => Attempt::Failed(error.category()),
        }
    }

    /// Stores the progress. Nothing more is delivered before that.
    async fn record(&self) {
        while let Err(error) = self.relay.store.record_webhook_progress(self.id.clone(), self.progress.clone()).await {
            tracing::error!(error.cause = %error, webhook.id = self.id, "storing a webhook's progress failed; retrying");
            sleep(RETRY_PAUSE).await;
        }
    }

    fn recipient(&self) -> Recipient<'_> {
        Recipient { subscription_id: &self.id, url: &self.url, secrets: &self.secrets }
    }
}

/// Pauses if reading may succeed later; ends the subscription if the subscriber may no longer read.
async fn pause_or_end(error: Error) -> Result<(), End> {
    if !is_transient(&error) {
        return Err(End::Terminated(error));
    }
    sleep(error.retry_after_ms.map_or(RETRY_PAUSE, Duration::from_millis)).await;
    Ok(())
}

/// Waits until the relay's clock has reached a time.
async fn wait_until(relay: &Relay, time: Timestamp) {
    loop {
        let left = time.as_millis() - relay.clock.now().as_millis();
        let Ok(left @ 1..) = u64::try_from(left) else { return };
        sleep(Duration::from_millis(left).min(LONGEST_SLEEP)).await;
    }
}
