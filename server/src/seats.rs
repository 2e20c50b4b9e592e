use std::collections::HashMap;

use mcp_multiplayer_protocol::{ChannelId, Reply, Request, SlotId};
use serde::Deserialize;

/// The seats that were taken through this process.
///
/// One person may play in two chats with one token: each chat's process then speaks for the seat that it took.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    taken: HashMap<ChannelId, Vec<SlotId>>,
}

impl Seats {
    /// The one seat of a channel that this process took.
    pub(crate) fn only(&self, channel_id: ChannelId) -> Option<SlotId> {
        match self.taken.get(&channel_id)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Takes note of the seat in the answer to a `join_channel` or `create_channel`.
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

    /// Forgets a seat that was left or lost.
    pub(crate) fn forget(&mut self, channel_id: ChannelId, slot_id: Option<SlotId>) {
        let Some(seats) = self.taken.get_mut(&channel_id) else { return };
        seats.retain(|seat| slot_id.is_some_and(|lost| lost != *seat));
        if seats.is_empty() {
            self.taken.remove(&channel_id);
        }
    }
}

/// Whether the answer may say that the caller now holds a seat.
pub(crate) fn takes_a_seat(request: &Request) -> bool {
    match request {
        Request::JoinChannel(_) => true,
        Request::CreateChannel(args) => args.join_as.is_some(),
        _ => false,
    }
}
