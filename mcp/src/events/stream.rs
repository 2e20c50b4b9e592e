use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_protocol::{Error, Multiplayer};
use rmcp::RoleServer;
use rmcp::model::{CustomNotification, RequestId, ServerNotification};
use rmcp::service::Peer;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::begin::position_before;
use super::subscription::EventParams;
use super::{EventError, EventPage, EventReader};
use crate::follow::{RETRY_DELAY, WaitLimiter, is_transient};

/// Maximum time between two notifications of a stream. SEP-3415 asks for 30 seconds at most.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// Key of a stream's id, which is that of its request, in `_meta`.
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The stream of notifications that belongs to an `events/stream` request.
pub(crate) struct EventStream {
    peer: Peer<RoleServer>,
    id: RequestId,
    last_sent: Instant,
}

/// The client is gone.
struct Disconnected;

impl EventStream {
    pub(crate) fn new(peer: Peer<RoleServer>, id: RequestId) -> Self {
        Self { peer, id, last_sent: Instant::now() }
    }

    /// Returns the result that ends the stream (`StreamEventsResult`).
    pub(crate) fn result(id: &RequestId) -> Value {
        json!({ "resultType": "complete", "_meta": { SUBSCRIPTION_ID: id } })
    }

    async fn send(&mut self, kind: &str, mut params: Value) -> Result<(), Disconnected> {
        params["_meta"] = json!({ SUBSCRIPTION_ID: self.id });
        let notification = CustomNotification::new(format!("notifications/events/{kind}"), Some(params));
        self.last_sent = Instant::now();
        let sent = self.peer.send_notification(ServerNotification::CustomNotification(notification)).await;
        sent.map_err(|_| Disconnected)
    }

    async fn send_page(&mut self, page: &EventPage) -> Result<(), Disconnected> {
        for event in &page.events {
            self.send("event", serde_json::to_value(event).expect("an event is plain JSON")).await?;
        }
        Ok(())
    }

    async fn send_error(&mut self, kind: &str, error: &EventError) -> Result<(), Disconnected> {
        self.send(kind, json!({ "error": error.to_error_data() })).await
    }

    /// Ends the subscription, because the client may no longer read the channel.
    pub(crate) async fn terminate(&mut self, error: &Error) {
        let _ = self.send_error("terminated", &EventError::of_operation(error)).await;
    }
}

/// Performs `events/stream`: sends notifications until the client is gone, or may no longer read the channel. Returns the
/// reason for the latter.
///
/// The error is for a subscription that is not valid; no notification has been sent then.
pub(crate) async fn stream(
    multiplayer: &Arc<dyn Multiplayer>,
    limiter: &WaitLimiter,
    stream: &mut EventStream,
    params: Option<Value>,
) -> Result<Option<Error>, EventError> {
    let params = EventParams::parse(params)?;
    let (subscription, start) = (params.subscription()?, params.start()?);
    let refused = |error| EventError::of_operation(&error);
    let mut reader = EventReader::open(&**multiplayer, subscription, start).await.map_err(refused)?;
    let from = reader.cursor();
    let page = reader.read(&**multiplayer, 0, None).await.map_err(refused)?;
    let cursor = if page.truncated { position_before(&page) } else { from };
    let active = json!({ "cursor": cursor.to_string(), "truncated": page.truncated });
    if stream.send("active", active).await.is_err() || stream.send_page(&page).await.is_err() {
        return Ok(None);
    }
    Ok(follow(multiplayer, limiter, stream, &mut reader).await.ok())
}

/// Sends notifications until the client may no longer read the channel, and returns the reason.
async fn follow(
    multiplayer: &Arc<dyn Multiplayer>,
    limiter: &WaitLimiter,
    stream: &mut EventStream,
    reader: &mut EventReader,
) -> Result<Error, Disconnected> {
    let _follower = limiter.follower();
    let mut has_failed = false;
    loop {
        let longest = u64::try_from(HEARTBEAT_INTERVAL.as_millis()).unwrap_or(u64::MAX);
        let page = {
            let _permit = limiter.acquire().await;
            reader.read(&**multiplayer, limiter.wait_ms().min(longest), None).await
        };
        match page {
            Ok(page) => {
                has_failed = false;
                if page.truncated {
                    let active = json!({ "cursor": position_before(&page).to_string(), "truncated": true });
                    stream.send("active", active).await?;
                }
                stream.send_page(&page).await?;
            }
            Err(error) if is_transient(&error) => {
                if !has_failed {
                    stream.send_error("error", &EventError::of_operation(&error)).await?;
                }
                has_failed = true;
                sleep(error.retry_after_ms.map_or(RETRY_DELAY, Duration::from_millis)).await;
            }
            Err(error) => return Ok(error),
        }
        if stream.last_sent.elapsed() >= HEARTBEAT_INTERVAL {
            stream.send("heartbeat", json!({ "cursor": reader.cursor().to_string() })).await?;
        }
    }
}
