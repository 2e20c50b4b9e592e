use std::collections::HashMap;

use mcp_multiplayer_protocol::{ChannelId, Reply, SlotId};
use serde::Deserialize;

/// The seats that were taken through this process.
///
/// One person may play in two chats with the same token. Each chat has its own process, which acts for the seat that it
/// took.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    taken: HashMap<ChannelId, Vec<SlotId>>,
}

impl Seats {
    /// Returns the seat that this process took in a channel; `None` if there is none or several.
    pub(crate) fn sole_seat(&self, channel_id: ChannelId) -> Option<SlotId> {
        match self.taken.get(&channel_id)?.as_slice() {
            [seat] => Some(*seat),
            _ => None,
        }
    }

    /// Records the seat that the reply to `join_channel` or `create_channel` contains.
    pub(crate) fn remember(&mut self, reply: &Reply) {
        #[derive(Deserialize)]
        struct Seated {
            channel_id: ChannelId,
            slot_id: SlotId,
        }
        if let Ok(Seated { channel_id, slot_id }) = serde_json::from_str(reply.get()) {
            let seats = self.taken.entry(channel_id).or_default();
            if !seats.contains(&slot_id) {
                seats.push(slot_id);
            }
        }
    }

    /// Removes a seat that was left or lost; without `slot_id`, all seats of the channel.
    pub(crate) fn forget(&mut self, channel_id: ChannelId, slot_id: Option<SlotId>) {
        let Some(seats) = self.taken.get_mut(&channel_id) else { return };
        seats.retain(|seat| slot_id.is_some_and(|lost| lost != *seat));
        if seats.is_empty() {
            self.taken.remove(&channel_id);
        }
    }
}
