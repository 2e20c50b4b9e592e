//! Claude Code channels: wakes a session of Claude Code when something has happened in a channel that it is seated in.
//!
//! Claude Code passes a `notifications/claude/channel` of a server that declares the capability `claude/channel` on to the
//! model, if its user allows that (<https://code.claude.com/docs/en/channels-reference>). The notification may get lost, and
//! nobody else's words are in it: it only says that there is something to read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_multiplayer_protocol::{ChannelId, Multiplayer, Reply, SlotId};
use rmcp::RoleServer;
use rmcp::model::{CustomNotification, ExperimentalCapabilities, ServerNotification};
use rmcp::service::RequestContext;
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::follow::{FollowedChannel, WaitLimiter};

/// Name of the capability that the server declares.
const CAPABILITY: &str = "claude/channel";
/// Method of the notification.
const METHOD: &str = "notifications/claude/channel";
/// Name by which the client introduces itself.
const CLIENT: &str = "claude-code";
/// Time for a call that is reading the channel to return what the notification would be about.
const CALL_GRACE: Duration = Duration::from_millis(300);
/// Maximum number of channels that a session is woken for.
const MAX_CHANNELS: usize = 16;

/// Declares that the server wakes the model.
pub(crate) fn capability() -> ExperimentalCapabilities {
    ExperimentalCapabilities::from([(CAPABILITY.to_owned(), serde_json::Map::new())])
}

/// The channels in which the process has taken a seat, and what the model has read of them. Dropping this value ends the waits.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    followed: Mutex<HashMap<(ChannelId, SlotId), AbortOnDropHandle<()>>>,
    readings: Arc<Readings>,
}

/// The progress of the model in each channel.
#[derive(Debug, Default)]
struct Readings(Mutex<HashMap<ChannelId, Reading>>);

#[derive(Debug, Default)]
struct Reading {
    /// Number of calls in progress that are about the channel.
    calls: usize,
    /// Highest cursor that a call has returned.
    cursor: u64,
}

/// A call in progress. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct CallGuard {
    readings: Arc<Readings>,
    channel_id: ChannelId,
}

impl Readings {
    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if a call has returned everything up to this entry, or may still do so.
    fn covers(&self, channel_id: ChannelId, head: u64) -> bool {
        self.lock().get(&channel_id).is_some_and(|reading| reading.calls > 0 || reading.cursor >= head)
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        if let Some(reading) = self.readings.lock().get_mut(&self.channel_id) {
            reading.calls -= 1;
        }
    }
}

impl Wake {
    /// Notes that a call about a channel has begun.
    pub(crate) fn begin_call(&self, channel_id: ChannelId) -> CallGuard {
        self.readings.lock().entry(channel_id).or_default().calls += 1;
        CallGuard { readings: Arc::clone(&self.readings), channel_id }
    }

    /// Notes what a call about a channel has returned.
    pub(crate) fn returned(&self, reply: &Reply, channel_id: Option<ChannelId>) {
        #[derive(Deserialize)]
        struct Returned {
            channel_id: Option<ChannelId>,
            cursor: u64,
        }
        let Ok(returned) = serde_json::from_str::<Returned>(reply.get()) else { return };
        if let Some(channel_id) = returned.channel_id.or(channel_id) {
            let mut readings = self.readings.lock();
            let reading = readings.entry(channel_id).or_default();
            reading.cursor = reading.cursor.max(returned.cursor);
        }
    }

    /// Wakes Claude Code from now on for the seat that a call has taken.
    pub(crate) fn follow(
        &self,
        reply: &Reply,
        context: &RequestContext<RoleServer>,
        multiplayer: &Arc<dyn Multiplayer>,
        limiter: &Arc<WaitLimiter>,
    ) {
        #[derive(Deserialize)]
        struct Seated {
            channel_id: ChannelId,
            slot_id: SlotId,
        }
        let Ok(Seated { channel_id, slot_id }) = serde_json::from_str(reply.get()) else { return };
        if context.client_info().is_none_or(|client| client.name != CLIENT) {
            return;
        }
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.retain(|_, task| !task.is_finished());
        if followed.len() >= MAX_CHANNELS || followed.contains_key(&(channel_id, slot_id)) {
            return;
        }
        let (peer, multiplayer, limiter) = (context.peer.clone(), Arc::clone(multiplayer), Arc::clone(limiter));
        let uri = format!("channel://{channel_id}?slot_id={slot_id}");
        let readings = Arc::clone(&self.readings);
        let task = tokio::spawn(async move {
            let Ok(channel) = FollowedChannel::lookup(&*multiplayer, &uri).await else { return };
            let notify = move |_, head| {
                let (peer, readings) = (peer.clone(), Arc::clone(&readings));
                async move {
                    sleep(CALL_GRACE).await;
                    readings.covers(channel_id, head) || peer.send_notification(notification(channel_id)).await.is_ok()
                }
            };
            // Ends with the seat or the token. The next call says so.
            let _ = channel.follow(multiplayer, limiter, notify).await;
        });
        followed.insert((channel_id, slot_id), AbortOnDropHandle::new(task));
    }
}

fn notification(channel_id: ChannelId) -> ServerNotification {
    let content = format!(
        "There is something new in the multiplayer channel {channel_id}. Read it with sync_messages and your last cursor."
    );
    let params = json!({ "content": content, "meta": { "channel_id": channel_id } });
    ServerNotification::CustomNotification(CustomNotification::new(METHOD, Some(params)))
}
