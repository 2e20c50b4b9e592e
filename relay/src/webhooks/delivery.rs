use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use mcp_multiplayer_mcp::events::{EventError, EventReader, EventSubscription, Occurrence, Start, is_transient};
use mcp_multiplayer_protocol::{Error, Multiplayer as _, Timestamp, limits};
use tokio::sync::{Mutex, watch};
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
    /// Held by whoever changes or deletes a subscription, so that a refresh and the end of a subscription exclude each other.
    changes: Arc<Mutex<()>>,
    /// Refreshes of the subscription; `None` once it has ended.
    refreshes: Option<watch::Receiver<Webhook>>,
    id: String,
    url: CallbackUrl,
    secrets: SigningSecrets,
    subscription: EventSubscription,
    caller: Caller,
    expires_at: Timestamp,
    progress: WebhookProgress,
}

/// Reasons why delivery is interrupted.
#[derive(Debug)]
enum Interruption {
    /// The subscriber refreshed the subscription.
    Refreshed,
    /// The subscriber did not refresh it in time.
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
    pub(super) fn new(
        relay: Arc<Relay>,
        poster: Arc<Poster>,
        changes: Arc<Mutex<()>>,
        refreshes: watch::Receiver<Webhook>,
    ) -> Option<Self> {
        let Webhook { id, credential, url, sealed_secrets, name, arguments, expires_at, progress, .. } =
            refreshes.borrow().clone();
        let secrets = SigningSecrets::open(&relay.key, &id, &sealed_secrets)?;
        let subscription = EventSubscription::parse(&name, serde_json::from_str(&arguments).ok()?).ok()?;
        let caller = Caller::new(Arc::clone(&relay), Credential::from_bytes(&credential)?);
        let (url, refreshes) = (CallbackUrl::parse(&url).ok()?, Some(refreshes));
        Some(Self { relay, poster, changes, refreshes, id, url, secrets, subscription, caller, expires_at, progress })
    }

    /// Delivers events until the subscription ends, or the relay shuts down.
    pub(super) async fn run(mut self) {
        loop {
            let (relay, caller, expires_at) = (Arc::clone(&self.relay), self.caller.clone(), self.expires_at);
            let interruption = tokio::select! {
                biased;
                () = relay.shutdown.cancelled() => return,
                () = wait_until(&relay, expires_at) => Interruption::Expired,
                error = caller.end_of_access() => Interruption::Terminated(error),
                interruption = self.deliver() => interruption,
            };
            if self.end_unless_refreshed(&interruption).await {
                if let Interruption::Terminated(error) = &interruption {
                    let message = Message::terminated(&EventError::of_operation(error), &self.relay.random);
                    let _ = self.poster.post(self.recipient(), &message, 0).await;
                }
                return;
            }
        }
    }

    /// Deletes the subscription, unless it was refreshed meanwhile. Returns whether it has ended.
    async fn end_unless_refreshed(&mut self, interruption: &Interruption) -> bool {
        let _changes = Arc::clone(&self.changes).lock_owned().await;
        if self.take_refresh() {
            return false;
        }
        let reason = match interruption {
            Interruption::Refreshed => return false,
            Interruption::Expired => "it expired",
            Interruption::Gone => "its endpoint is gone",
            Interruption::Terminated(_) => "the subscriber may no longer read the channel",
        };
        tracing::info!(webhook.id = self.id, host = self.url.host(), reason, "webhook ended");
        // If it cannot be deleted, it ends again after the next start.
        if let Err(error) = self.relay.store.delete_webhook(self.id.clone()).await {
            tracing::error!(error.cause = %error, webhook.id = self.id, "deleting a webhook failed");
        }
        // A subscription that is created from now on gets a task of its own.
        self.refreshes = None;
        true
    }

    /// Takes over a refresh, if there is one.
    fn take_refresh(&mut self) -> bool {
        let Some(refreshes) = &mut self.refreshes else { return false };
        if !refreshes.has_changed().unwrap_or(false) {
            return false;
        }
        let stored = refreshes.borrow_and_update().clone();
        if let Some(secrets) = SigningSecrets::open(&self.relay.key, &self.id, &stored.sealed_secrets) {
            self.secrets = secrets;
        }
        if let Some(credential) = Credential::from_bytes(&stored.credential) {
            self.caller = Caller::new(Arc::clone(&self.relay), credential);
        }
        self.expires_at = stored.expires_at;
        self.progress.failure = None;
        true
    }

    /// Waits for something, unless the subscription is refreshed meanwhile.
    async fn unless_refreshed<T>(&self, future: impl Future<Output = T>) -> Result<T, Interruption> {
        // Not the receiver itself, which would mark the refresh as seen: `take_refresh` does that.
        let mut refreshes = self.refreshes.clone();
        let interruption = async {
            if let Some(refreshes) = &mut refreshes
                && refreshes.changed().await.is_ok()
            {
                return Interruption::Refreshed;
            }
            pending().await
        };
        tokio::select! {
            output = future => Ok(output),
            interruption = interruption => Err(interruption),
        }
    }

    async fn deliver(&mut self) -> Interruption {
        loop {
            let retry = async {
                match self.progress.failure.as_ref().map(|failure| failure.retry_at) {
                    // Suspended until the subscriber refreshes the subscription, or it expires.
                    Some(None) => pending().await,
                    Some(Some(retry_at)) => wait_until(&self.relay, retry_at).await,
                    None => {}
                }
            };
            if let Err(interruption) = self.unless_refreshed(retry).await {
                return interruption;
            }
            // After a failure it reads again from the stored position: meanwhile the subscriber may have lost the seat, or an
            // entry its text.
            if let Err(interruption) = self.follow().await {
                return interruption;
            }
        }
    }

    /// Delivers events until an attempt fails.
    async fn follow(&mut self) -> Result<(), Interruption> {
        let start = Start { cursor: Some(self.progress.cursor), max_age: None };
        let mut reader = loop {
            match EventReader::open(&self.caller, self.subscription, start).await {
                Ok(reader) => break reader,
                Err(error) => pause_or_end(error).await?,
            }
        };
        loop {
            let read = reader.read(&self.caller, limits::WAIT_MS, Some(PAGE_EVENTS));
            let page = match self.unless_refreshed(read).await? {
                Ok(page) => page,
                Err(error) => {
                    pause_or_end(error).await?;
                    continue;
                }
            };
            for event in &page.events {
                if !self.deliver_event(event).await? {
                    return Ok(());
                }
            }
            if page.cursor >= self.progress.cursor + QUIET_ENTRIES {
                self.progress.cursor = page.cursor;
                self.record().await;
            }
        }
    }

    /// Tries to deliver an event, and stores the outcome. Returns `false` if it is to be delivered again.
    async fn deliver_event(&mut self, event: &Occurrence) -> Result<bool, Interruption> {
        if self.refreshes.as_ref().is_some_and(|refreshes| refreshes.has_changed().unwrap_or(false)) {
            return Err(Interruption::Refreshed);
        }
        let cursor = event.cursor.parse().unwrap_or(self.progress.cursor);
        let attempt = self.attempt(event).await;
        let now = self.relay.clock.now();
        self.progress = match attempt {
            Attempt::Acknowledged => WebhookProgress { cursor, delivered_at: Some(now), failure: None },
            Attempt::Refused => {
                tracing::info!(webhook.id = self.id, entry = cursor, "an endpoint cannot take an event; skipping it");
                WebhookProgress { cursor, failure: None, ..self.progress.clone() }
            }
            Attempt::Gone => return Err(Interruption::Gone),
            Attempt::Failed(error) => {
                let failure = after_failure(self.progress.failure.as_ref(), error, now, &self.relay.random);
                if failure.retry_at.is_none() {
                    tracing::info!(webhook.id = self.id, host = self.url.host(), error, "webhook suspended");
                }
                WebhookProgress { failure: Some(failure), ..self.progress.clone() }
            }
        };
        self.record().await;
        Ok(self.progress.failure.is_none())
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
async fn pause_or_end(error: Error) -> Result<(), Interruption> {
    if !is_transient(&error) {
        return Err(Interruption::Terminated(error));
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
