use mcp_multiplayer_protocol::operation::{Message, SyncMessages, WaitFor};
use mcp_multiplayer_protocol::{Error, Multiplayer, Request, Timestamp, limits};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::subscription::Start;
use super::wake::WakeRule;
use super::{EventSubscription, Occurrence};
use crate::channel_uri::ChannelUri;
use crate::follow::Position;

/// Number of entries before the cursor among which the last post that names turns is looked for.
const TURN_LOOKBACK: u64 = 200;

/// Reads the events of a subscription, one page after the other.
#[derive(Clone, Debug)]
pub struct EventReader {
    subscription: EventSubscription,
    start: Start,
    cursor: u64,
    rule: WakeRule,
}

/// Events that follow one another.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The events, the oldest first.
    pub events: Vec<Occurrence>,
    /// Position after them; higher than that of the last event if entries that are no events follow.
    pub cursor: u64,
    /// Events were skipped because of their age.
    pub truncated: bool,
    /// There is more to read.
    pub has_more: bool,
}

/// The required part of a reply to `sync_messages`.
#[derive(Deserialize)]
struct SyncReply<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
    cursor: u64,
    has_more: bool,
    now: Timestamp,
}

impl EventReader {
    /// Creates a reader. Fails if the subscriber may not read the channel; with a cursor, possibly only when it reads.
    pub async fn open(
        multiplayer: &dyn Multiplayer,
        subscription: EventSubscription,
        start: Start,
    ) -> Result<Self, Error> {
        let EventSubscription { channel_id, wait_for, slot_id } = subscription;
        let (cursor, seat) = match start.cursor {
            Some(cursor) if wait_for != WaitFor::MyTurn => (cursor, None),
            given => {
                let position = Position::fetch(multiplayer, ChannelUri { channel_id, slot_id }).await?;
                (given.unwrap_or(position.head), position.seat)
            }
        };
        let mut reader = Self { subscription, start, cursor, rule: WakeRule::new(wait_for, seat) };
        if wait_for == WaitFor::MyTurn {
            reader.look_back(multiplayer).await?;
        }
        Ok(reader)
    }

    /// The position: id of the last entry that was considered.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Reads the next events, at most `limit`, and waits for some for at most `wait_ms` if there is nothing to read.
    pub async fn read(
        &mut self,
        multiplayer: &dyn Multiplayer,
        wait_ms: u64,
        limit: Option<u32>,
    ) -> Result<EventPage, Error> {
        let reply = multiplayer.perform(self.request(self.cursor, wait_ms, limit, false)).await?;
        let SyncReply { messages, cursor, has_more, now } = parse(reply.get())?;
        let mut page = EventPage { events: vec![], cursor, truncated: false, has_more };
        let oldest = self.start.max_age.map(|age| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.as_millis().saturating_sub(age))
        });
        for raw in messages {
            let message: Message = parse(raw.get())?;
            if !self.rule.applies_to(&message) {
                continue;
            }
            let Some(event) = Occurrence::of(&message, raw)? else { continue };
            if oldest.is_some_and(|oldest| message.ts < oldest) {
                page.truncated = true;
            } else {
                page.events.push(event);
            }
        }
        self.cursor = cursor;
        if !has_more {
            // Everything that comes from now on is new.
            self.start.max_age = None;
        }
        Ok(page)
    }

    /// Reads the entries before the cursor, so that the reader knows whose turn it is.
    async fn look_back(&mut self, multiplayer: &dyn Multiplayer) -> Result<(), Error> {
        let mut from = self.cursor.saturating_sub(TURN_LOOKBACK);
        while from < self.cursor {
            let reply = multiplayer.perform(self.request(from, 0, None, true)).await?;
            let SyncReply { messages, cursor, has_more, .. } = parse(reply.get())?;
            for raw in messages {
                let message: Message = parse(raw.get())?;
                if message.id <= self.cursor {
                    self.rule.applies_to(&message);
                }
            }
            if !has_more {
                break;
            }
            from = cursor;
        }
        Ok(())
    }

    fn request(&self, cursor: u64, wait_ms: u64, limit: Option<u32>, include_own: bool) -> Request {
        Request::from(SyncMessages {
            channel_id: self.subscription.channel_id,
            cursor: Some(cursor),
            timeout_ms: Some(wait_ms),
            limit: limit.map(|limit| limit.min(limits::PAGE_ENTRIES)),
            wait_for: Some(self.subscription.wait_for),
            include_own: Some(include_own),
            include_trace: None,
            slot_id: self.subscription.slot_id,
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::internal())
}
