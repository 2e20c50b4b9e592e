//! Notifications for subscribed channels.
//!
//! A follower calls `sync_messages` of [`Multiplayer`] in a loop, beginning at the end of the log at the time of the
//! subscription. It therefore notifies only of messages that the subscriber may read, and not of the subscriber's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_multiplayer_protocol::operation::{GetChannelInfo, SyncMessages};
use mcp_multiplayer_protocol::{Error, ErrorCode, Multiplayer, Request, Sender, SlotId, limits};
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;

use crate::channel_uri::ChannelUri;

/// Minimum time between two notifications for a channel, so that a burst of posts causes only one.
const NOTIFICATION_INTERVAL: Duration = Duration::from_millis(250);
/// Maximum duration of one wait while there are more followers than permits, in milliseconds.
const SHARED_WAIT_MS: u64 = 1_000;
/// Delay before a retry if the error does not contain one.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(2);

/// A channel to whose resource the client subscribed.
#[derive(Clone, Debug)]
pub(crate) struct FollowedChannel {
    /// URI as written by the client.
    pub(crate) uri: String,
    channel: ChannelUri,
    /// `None` while the relay could not be reached, so that permission to read the channel is not verified yet.
    position: Option<Position>,
}

/// Position of a follower in a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// Highest entry id that has been seen.
    pub(crate) head: u64,
    /// The follower's seat, whose posts cause no notification; `None` for an owner without a seat.
    pub(crate) seat: Option<SlotId>,
}

/// Limits the number of waits that all followers together have open at the relay.
#[derive(Debug)]
pub(crate) struct WaitLimiter {
    permits: Semaphore,
    total: usize,
    followers: AtomicUsize,
}

impl WaitLimiter {
    pub(crate) fn new(total: usize) -> Self {
        Self { permits: Semaphore::new(total), total, followers: AtomicUsize::new(0) }
    }

    /// Returns the duration of the next wait, in milliseconds. It is short if followers have to take turns.
    pub(crate) fn wait_ms(&self) -> u64 {
        if self.followers.load(Ordering::Relaxed) > self.total { SHARED_WAIT_MS } else { limits::WAIT_MS }
    }

    /// Counts a follower until the guard is dropped.
    pub(crate) fn follower(&self) -> FollowerGuard<'_> {
        self.followers.fetch_add(1, Ordering::Relaxed);
        FollowerGuard(&self.followers)
    }

    /// Waits until the next wait may begin. It may last until the permit is dropped.
    pub(crate) async fn acquire(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.permits.acquire().await.ok()
    }
}

/// Decrements the number of followers when dropped.
pub(crate) struct FollowerGuard<'a>(&'a AtomicUsize);

impl Drop for FollowerGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The required part of a reply to `sync_messages`.
#[derive(Deserialize)]
struct SyncReply {
    messages: Vec<SyncedMessage>,
    cursor: u64,
    has_more: bool,
}

#[derive(Deserialize)]
struct SyncedMessage {
    sender: Sender,
}

/// The required part of a reply to `get_channel_info`.
#[derive(Deserialize)]
struct InfoReply {
    your_slots: Vec<SlotId>,
    message_count: u64,
}

impl FollowedChannel {
    /// Looks up the end of a channel's log. Fails if the caller may not read the channel.
    pub(crate) async fn lookup(multiplayer: &dyn Multiplayer, uri: &str) -> Result<Self, Error> {
        let channel: ChannelUri = uri.parse().map_err(|()| {
            Error::invalid(
                "Only channel resources can be subscribed to.",
                "Use a URI of the form channel://{channel_id}.",
            )
        })?;
        let position = match Position::fetch(multiplayer, channel).await {
            Ok(position) => Some(position),
            // Permission is verified as soon as the relay can be reached.
            Err(error) if is_transient(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { uri: uri.to_owned(), channel, position })
    }

    /// Returns whether the relay could not be reached during the lookup.
    pub(crate) const fn is_unverified(&self) -> bool {
        self.position.is_none()
    }

    /// Creates a followed channel without contacting the relay; `None` if the URI is not that of a channel.
    pub(crate) fn unverified(uri: &str) -> Option<Self> {
        Some(Self { uri: uri.to_owned(), channel: uri.parse().ok()?, position: None })
    }

    /// Calls `notify` with the URI and the id of the last entry whenever there are new messages, until it returns false or the
    /// caller may no longer read the channel.
    ///
    /// Returns an error if the caller's token is no longer valid.
    pub(crate) async fn follow<F: Future<Output = bool> + Send>(
        mut self,
        multiplayer: Arc<dyn Multiplayer>,
        limiter: Arc<WaitLimiter>,
        notify: impl Fn(String, u64) -> F + Send,
    ) -> Result<(), Error> {
        let _follower = limiter.follower();
        loop {
            let permit = limiter.acquire().await;
            let updated = self.wait_for_update(&*multiplayer, limiter.wait_ms()).await;
            drop(permit);
            match updated {
                Ok(true) => {
                    let head = self.position.map_or(0, |position| position.head);
                    if !notify(self.uri.clone(), head).await {
                        return Ok(());
                    }
                    sleep(NOTIFICATION_INTERVAL).await;
                }
                Ok(false) => {}
                Err(error) if is_transient(&error) => {
                    sleep(error.retry_after_ms.map_or(RETRY_DELAY, Duration::from_millis)).await;
                }
                Err(error) if error.code == ErrorCode::Unauthenticated => return Err(error),
                // The seat was left, or the player was kicked.
                Err(_) => return Ok(()),
            }
        }
    }

    /// Waits for new messages and moves the position to the end of the log. Returns whether to notify the subscriber.
    async fn wait_for_update(&mut self, multiplayer: &dyn Multiplayer, wait_ms: u64) -> Result<bool, Error> {
        let Some(position) = &mut self.position else {
            // Messages may have been missed while the relay could not be reached, so the subscriber is notified.
            self.position = Some(Position::fetch(multiplayer, self.channel).await?);
            return Ok(true);
        };
        let synced = sync(multiplayer, self.channel, position.head, wait_ms, limits::PAGE_ENTRIES).await?;
        // The subscriber will read to the end of the log, so one notification covers everything up to there.
        position.head = if synced.has_more { head(multiplayer, self.channel).await? } else { synced.cursor };
        // A sync that times out still returns the caller's own posts.
        let own = position.seat.map(Sender::Slot);
        Ok(synced.has_more || synced.messages.iter().any(|message| Some(&message.sender) != own.as_ref()))
    }
}

impl Position {
    /// Fetches the end of the log and, unless the URI names it, the caller's seat.
    pub(crate) async fn fetch(multiplayer: &dyn Multiplayer, channel: ChannelUri) -> Result<Self, Error> {
        let InfoReply { your_slots, message_count: head } = info(multiplayer, channel).await?;
        let seat = match (channel.slot_id, your_slots.as_slice()) {
            (Some(slot_id), own) if own.contains(&slot_id) => Some(slot_id),
            (Some(_), _) => return Err(Error::not_member()),
            (None, []) => None,
            (None, [own]) => Some(*own),
            (None, [first, ..]) => {
                return Err(Error::new(
                    ErrorCode::SeatAmbiguous,
                    "You hold several seats in this channel.",
                    format!("Name one in the URI: channel://{}?slot_id={first}.", channel.channel_id),
                ));
            }
        };
        Ok(Self { head, seat })
    }
}

/// Returns the id of the last entry of a channel.
pub(crate) async fn head(multiplayer: &dyn Multiplayer, channel: ChannelUri) -> Result<u64, Error> {
    Ok(info(multiplayer, channel).await?.message_count)
}

async fn info(multiplayer: &dyn Multiplayer, channel: ChannelUri) -> Result<InfoReply, Error> {
    let reply = multiplayer.perform(Request::from(GetChannelInfo { channel_id: channel.channel_id })).await?;
    serde_json::from_str(reply.get()).map_err(|_| Error::internal())
}

async fn sync(
    multiplayer: &dyn Multiplayer,
    channel: ChannelUri,
    cursor: u64,
    wait_ms: u64,
    limit: u32,
) -> Result<SyncReply, Error> {
    let request = Request::from(SyncMessages {
        channel_id: channel.channel_id,
        cursor: Some(cursor),
        timeout_ms: Some(wait_ms),
        limit: Some(limit),
        wait_for: None,
        include_own: None,
        include_trace: None,
        slot_id: channel.slot_id,
    });
    let reply = multiplayer.perform(request).await?;
    serde_json::from_str(reply.get()).map_err(|_| Error::internal())
}

/// Returns whether the operation may succeed if it is repeated later.
pub fn is_transient(error: &Error) -> bool {
    matches!(
        error.code,
        ErrorCode::RelayUnreachable | ErrorCode::RateLimit | ErrorCode::StorageFull | ErrorCode::InternalError
    )
}
