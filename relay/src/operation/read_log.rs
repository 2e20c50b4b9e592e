use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{ChannelState, Visibility};
use mcp_multiplayer_protocol::operation::{LogEntry, LogPage, LogRead, ReadLog};
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Hash, SlotId, limits};

use super::Caller;
use super::answer::json_bytes;
use crate::channel::{LiveChannel, Member};
use crate::error::store_failed;

/// Limits of a page of the log.
#[derive(Clone, Copy)]
pub(super) struct PageLimits {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

impl Caller {
    /// Returns a part of a channel's log, with the bodies that the caller may read, and the checkpoint of the log up to its end.
    ///
    /// Beyond the end of the log there is nothing to return but the checkpoint of the present log: a client that knows a
    /// longer one learns that the relay has lost a part of it.
    pub(super) async fn read_log(&self, args: ReadLog) -> Result<LogRead, Error> {
        if let Some(limit) = args.limit.filter(|limit| !(1..=limits::LOG_PAGE_ENTRIES).contains(limit)) {
            return Err(Error::invalid(
                format!("Argument 'limit' is {limit}; it must be from 1 to {}.", limits::LOG_PAGE_ENTRIES),
                "Leave it out for as many entries as fit.",
            ));
        }
        let (channel, player) = self.channel(args.channel_id).await?;
        let state = channel.durable();
        let visibility = self.log_visibility(&state, &player, args.slot_id).await?;
        let entries = args.limit.unwrap_or(limits::LOG_PAGE_ENTRIES) as usize;
        let page_limits = PageLimits { entries, bytes: limits::LOG_PAGE_BYTES };
        let page = log_page(&channel, &visibility, args.after, state.size(), page_limits).await?;
        let size = if page.entries.is_empty() { state.size() } else { args.after + page.entries.len() as u64 };
        let checkpoint = self.relay.log.sign(args.channel_id, channel.tree_of(size).await?);
        Ok(LogRead { page, checkpoint })
    }

    /// The part of a channel's log that belongs to the result of another operation: the entries after `after`, up to `size`.
    pub(super) async fn log_beside_result(
        &self,
        channel: &Arc<LiveChannel>,
        slot_id: Option<SlotId>,
        after: u64,
        size: u64,
    ) -> Result<LogPage, Error> {
        let player = self.pseudonym(channel.channel_id());
        let visibility = self.log_visibility(&channel.durable(), &player, slot_id).await?;
        let page_limits = PageLimits { entries: limits::LOG_PAGE_ENTRIES as usize, bytes: limits::PAGE_BYTES };
        log_page(channel, &visibility, after, size, page_limits).await
    }

    /// The entries that a present or former member may read, from one seat. Somebody with several seats who names none reads
    /// what everybody may read.
    async fn log_visibility(
        &self,
        state: &ChannelState,
        player: &Hash,
        slot_id: Option<SlotId>,
    ) -> Result<Visibility, Error> {
        match Member::resolve(&state.composition, player, slot_id) {
            Ok(member) => Ok(member.visibility(&state.composition)),
            Err(error) if error.code == ErrorCode::SeatAmbiguous && slot_id.is_none() => Ok(Visibility::of(&[])),
            Err(error) => self.former_visibility(state.composition.channel_id, slot_id).await.map_err(|_| error),
        }
    }

    /// The entries that a former member may read: of the time in the seat that `slot_id` names, or in any seat.
    pub(super) async fn former_visibility(
        &self,
        channel_id: ChannelId,
        slot_id: Option<SlotId>,
    ) -> Result<Visibility, Error> {
        let tenures = self.former_tenures(channel_id, slot_id).await?;
        Ok(Visibility::of_former_member(tenures.into()))
    }
}

/// Reads the durable entries after `after`, up to `size`, as far as they fit.
async fn log_page(
    channel: &LiveChannel,
    visibility: &Visibility,
    after: u64,
    size: u64,
    page_limits: PageLimits,
) -> Result<LogPage, Error> {
    let (mut page, mut bytes, mut read) = (LogPage::default(), 0, after);
    page.reader = visibility.tenures().to_vec();
    'reading: while read < size {
        let entries = channel.entries_after(read).await.map_err(store_failed)?;
        if entries.is_empty() {
            break;
        }
        for entry in entries.iter().take_while(|entry| entry.id() <= size) {
            let logged = if visibility.may_know(entry) {
                LogEntry::of(entry, visibility.may_read(entry))
            } else {
                LogEntry::leaf_of(entry)
            };
            bytes += json_bytes(&logged)?;
            let full = page.entries.len() >= page_limits.entries || bytes > page_limits.bytes;
            if full && !page.entries.is_empty() {
                break 'reading;
            }
            page.entries.push(logged);
            read = entry.id();
        }
    }
    Ok(page)
}
