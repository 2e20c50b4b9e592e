use mcp_multiplayer_protocol::operation::{ChannelList, ChannelSummary, View};
use mcp_multiplayer_protocol::{Error, limits};

use super::{Session, member};
use crate::error::store_failed;

/// The most channels that are looked at.
const LISTED: u32 = 1_000;
/// What a channel, and each slot of it, takes in the answer at the most, labels of usual length assumed.
const CHANNEL_BYTES: usize = 300;
const SLOT_BYTES: usize = 180;

impl Session {
    /// The caller's own channels, never anyone else's.
    pub(super) async fn list_channels(&self) -> Result<ChannelList, Error> {
        let states = self.relay.store.list_channels(self.principal.as_str().to_owned(), LISTED).await;
        let mut total_channels = 0;
        let mut room = limits::PAGE_BYTES;
        let channels: Vec<ChannelSummary> = states
            .map_err(store_failed)?
            .into_iter()
            .filter_map(|state| {
                let channel_id = state.composition.channel_id;
                // Whoever was there once and has left is in the store's list, but not a member.
                let your_slots = member(&state.composition, &self.player(channel_id)).ok()?;
                total_channels += 1;
                // Beyond what fits an answer, only the number of older channels is told.
                room = room.checked_sub(CHANNEL_BYTES + SLOT_BYTES * state.composition.slots.len())?;
                Some(ChannelSummary {
                    channel_id,
                    name: state.composition.name.clone(),
                    message_count: state.size(),
                    bots: state.composition.bots.iter().map(|bot| bot.bot_id.clone()).collect(),
                    slots: View::of(&state.composition).slots,
                    your_slots,
                })
            })
            .collect();
        Ok(ChannelList { channels, total_channels })
    }
}
