//! Following a channel: who subscribed to its resource hears when there is something new for them to read.
//!
//! An adapter over [`Multiplayer`] alone: `sync_messages` from where the log ended when the client asked, again and
//! again. What a sync would not return, nobody is notified of; nor of what they said themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_multiplayer_protocol::operation::{GetChannelInfo, SyncMessages};
use mcp_multiplayer_protocol::{Error, ErrorCode, Multiplayer, Request, Sender, SlotId, limits};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::channel_uri::ChannelUri;

/// At most one notification in this time, so that a burst of posts is one piece of news.
const PAUSE: Duration = Duration::from_millis(250);
/// How long one of many waits before it lets the others have a look.
const TURN_MS: u64 = 1_000;
/// How long to wait after a failure that says nothing of when to come back.
const RETRY: Duration = Duration::from_secs(2);

/// A resource that was subscribed to.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    /// As the client writes it.
    pub(crate) uri: String,
    channel: ChannelUri,
    /// Unknown while the relay cannot be reached.
    known: Option<Known>,
}

/// Where a follower stands.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// How far the log had come.
    head: u64,
    /// Whose posts are the follower's own; none for an owner without a seat.
    seat: Option<SlotId>,
}

/// How many waits may be under way at a time for all who follow something.
#[derive(Debug)]
pub(crate) struct Turns {
    free: Semaphore,
    total: usize,
    followers: AtomicUsize,
}

impl Turns {
    pub(crate) fn new(total: usize) -> Self {
        Self { free: Semaphore::new(total), total, followers: AtomicUsize::new(0) }
    }

    /// How long one wait may take: as long as it likes unless others stand in line.
    fn wait_ms(&self) -> u64 {
        if self.followers.load(Ordering::Relaxed) > self.total { TURN_MS } else { limits::WAIT_MS }
    }
}

/// Counts a follower for as long as it follows.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What matters of the answer to a `sync_messages`.
#[derive(Deserialize)]
struct Synced {
    messages: Vec<Said>,
    cursor: u64,
    has_more: bool,
}

#[derive(Deserialize)]
struct Said {
    sender: Sender,
}

/// What matters of the answer to a `get_channel_info`.
#[derive(Deserialize)]
struct Info {
    your_slots: Vec<SlotId>,
}

impl Followed {
    /// Finds out where the log of a channel ends; an error when the caller may not follow it.
    pub(crate) async fn find(multiplayer: &dyn Multiplayer, uri: &str) -> Result<Self, Error> {
        let channel: ChannelUri = uri.parse().map_err(|()| {
            Error::invalid("Only channels can be subscribed to.", "Their resources are channel://{channel_id}.")
        })?;
        let known = match Known::ask(multiplayer, channel).await {
            Ok(known) => Some(known),
            // Whether the caller may is found out as soon as somebody can say.
            Err(error) if is_passing(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { uri: uri.to_owned(), channel, known })
    }

    /// Whether the relay could not be asked about it.
    pub(crate) const fn is_uncertain(&self) -> bool {
        self.known.is_none()
    }

    /// The same of another resource, without asking.
    pub(crate) fn uncertain(uri: &str) -> Option<Self> {
        Some(Self { uri: uri.to_owned(), channel: uri.parse().ok()?, known: None })
    }

    /// Calls `notify` whenever there is something new, until that fails or the caller may no longer read the channel.
    pub(crate) async fn follow<F: Future<Output = bool> + Send>(
        mut self,
        multiplayer: Arc<dyn Multiplayer>,
        turns: Arc<Turns>,
        notify: impl Fn(String) -> F + Send,
    ) {
        turns.followers.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(&turns.followers);
        loop {
            let turn = turns.free.acquire().await;
            let news = self.news(&*multiplayer, turns.wait_ms()).await;
            drop(turn);
            match news {
                Ok(true) => {
                    if !notify(self.uri.clone()).await {
                        return;
                    }
                    sleep(PAUSE).await;
                }
                Ok(false) => {}
                Err(error) if is_passing(&error) => {
                    sleep(error.retry_after_ms.map_or(RETRY, Duration::from_millis)).await;
                }
                // The seat was left or taken away.
                Err(_) => return,
            }
        }
    }

    /// Waits for something new, and moves on to the end of the log.
    async fn news(&mut self, multiplayer: &dyn Multiplayer, wait_ms: u64) -> Result<bool, Error> {
        let Some(known) = &mut self.known else {
            // Nobody knows what was missed meanwhile.
            self.known = Some(Known::ask(multiplayer, self.channel).await?);
            return Ok(true);
        };
        let synced = sync(multiplayer, self.channel, known.head, wait_ms, limits::PAGE_ENTRIES).await?;
        // Whoever reads now reads up to the end, so no more than this is news.
        known.head = if synced.has_more { head(multiplayer, self.channel).await? } else { synced.cursor };
        // A wait that ends with nothing from others still returns what the caller said.
        let own = known.seat.map(Sender::Slot);
        Ok(synced.has_more || synced.messages.iter().any(|said| Some(&said.sender) != own.as_ref()))
    }
}

impl Known {
    async fn ask(multiplayer: &dyn Multiplayer, channel: ChannelUri) -> Result<Self, Error> {
        let head = head(multiplayer, channel).await?;
        if let seat @ Some(_) = channel.slot_id {
            return Ok(Self { head, seat });
        }
        let request = Request::from(GetChannelInfo { channel_id: channel.channel_id });
        let reply = multiplayer.perform(request).await?;
        let info: Info = serde_json::from_str(reply.get()).map_err(|_| Error::internal())?;
        // Who holds several says which one, or could not sync.
        let seat = info.your_slots.first().copied();
        Ok(Self { head, seat })
    }
}

/// Where the log ends.
pub(crate) async fn head(multiplayer: &dyn Multiplayer, channel: ChannelUri) -> Result<u64, Error> {
    // A cursor beyond the end is the end.
    Ok(sync(multiplayer, channel, u64::MAX, 0, 1).await?.cursor)
}

async fn sync(
    multiplayer: &dyn Multiplayer,
    channel: ChannelUri,
    cursor: u64,
    wait_ms: u64,
    limit: u32,
) -> Result<Synced, Error> {
    let request = Request::from(SyncMessages {
        channel_id: channel.channel_id,
        cursor: Some(cursor),
        timeout_ms: Some(wait_ms),
        limit: Some(limit),
        include_trace: None,
        slot_id: channel.slot_id,
    });
    let reply = multiplayer.perform(request).await?;
    serde_json::from_str(reply.get()).map_err(|_| Error::internal())
}

/// Whether the same may succeed later.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(error.code, ErrorCode::RelayUnreachable | ErrorCode::RateLimit | ErrorCode::InternalError)
}
