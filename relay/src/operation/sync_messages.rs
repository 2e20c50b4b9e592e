use std::time::Duration;

use mcp_multiplayer_protocol::operation::{SyncMessages, Synced, WaitFor};
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, SlotId, limits};

use super::Caller;
use crate::channel::{LiveChannel, Member, Page};

/// The arguments of an operation that say what is read and what ends the wait for it.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) cursor: Option<u64>,
    pub(super) wait_for: WaitFor,
    pub(super) include_own: bool,
}

impl Reading {
    pub(super) fn new(cursor: Option<u64>, wait_for: Option<WaitFor>, include_own: Option<bool>) -> Self {
        Self { cursor, wait_for: wait_for.unwrap_or_default(), include_own: include_own.unwrap_or(true) }
    }
}

impl Caller {
    /// Returns new messages, and waits for some if there are none.
    pub(super) async fn sync_messages(&self, args: SyncMessages) -> Result<Synced, Error> {
        if let Some(limit) = args.limit.filter(|limit| !(1..=limits::PAGE_ENTRIES).contains(limit)) {
            return Err(Error::invalid(
                format!("Argument 'limit' is {limit}; it must be from 1 to {}.", limits::PAGE_ENTRIES),
                "Leave it out for as many messages as fit.",
            ));
        }
        let reading = Reading::new(args.cursor, args.wait_for, args.include_own);
        let page = self.page(reading, args.timeout_ms.unwrap_or(limits::DEFAULT_WAIT_MS), args.limit);
        self.sync(args.channel_id, args.slot_id, page, args.include_trace.unwrap_or(false)).await
    }

    /// A request for a page, within the relay's limits.
    pub(super) fn page(&self, reading: Reading, wait_ms: u64, limit: Option<u32>) -> Page {
        Page {
            cursor: reading.cursor.unwrap_or(0),
            wait_for: reading.wait_for,
            include_own: reading.include_own,
            wait: Duration::from_millis(wait_ms.min(self.relay.config.wait_ms)),
            limit: limit.unwrap_or(limits::PAGE_ENTRIES) as usize,
            bytes: limits::PAGE_BYTES,
        }
    }

    /// Reads a page of a channel. A wait ends with an error when the caller's token is no longer valid.
    pub(super) async fn sync(
        &self,
        channel_id: ChannelId,
        slot_id: Option<SlotId>,
        page: Page,
        include_trace: bool,
    ) -> Result<Synced, Error> {
        let (channel, player) = self.channel(channel_id).await?;
        let synced = async {
            let synced = channel.sync(page, &self.relay.shutdown, |composition| {
                let mut visibility = Member::resolve(composition, &player, slot_id)?.visibility(composition);
                visibility.include_trace = include_trace;
                Ok(visibility)
            });
            match synced.await {
                Err(error) if matches!(error.code, ErrorCode::NotMember | ErrorCode::SeatAmbiguous) => {
                    let former = Box::pin(self.sync_former_member(&channel, slot_id, page, include_trace)).await;
                    former.map_err(|refusal| if refusal.code == ErrorCode::NotMember { error } else { refusal })
                }
                synced => synced,
            }
        };
        if page.wait.is_zero() {
            return synced.await;
        }
        // In this order, so that no timer is started if there is something to read.
        tokio::select! {
            biased;
            synced = synced => {
                self.check().await?;
                synced
            }
            error = self.wait_for_end_of_token() => Err(error),
        }
    }

    /// Reads what somebody may still see who has left the channel, or was kicked: up to the end of the time in the seat
    /// that `slot_id` names, or in any seat.
    ///
    /// The error is for somebody who never held one, or who has read everything: it ends the loop of a client that waits
    /// for more.
    async fn sync_former_member(
        &self,
        channel: &LiveChannel,
        slot_id: Option<SlotId>,
        page: Page,
        include_trace: bool,
    ) -> Result<Synced, Error> {
        let mut visibility = self.former_visibility(channel.channel_id(), slot_id).await?;
        visibility.include_trace = include_trace;
        let page = Page { wait: Duration::ZERO, ..page };
        let synced = channel.sync(page, &self.relay.shutdown, |_| Ok(visibility.clone())).await?;
        if synced.messages.is_empty() && !synced.has_more { Err(Error::not_member()) } else { Ok(synced) }
    }
}
