use mcp_multiplayer_protocol::operation::{ChannelList, ChannelSummary, View};
use mcp_multiplayer_protocol::{Error, limits};

use super::{Caller, json_bytes, member};
use crate::error::store_failed;

/// The most channels that are looked at.
const LISTED: u32 = 1_000;

impl Caller {
    /// The caller's own channels, never anyone else's.
    pub(super) async fn list_channels(&self) -> Result<ChannelList, Error> {
        let states = self.relay.store.list_channels(self.principal.as_str().to_owned(), LISTED).await;
        let mut total_channels = 0;
        let mut room = limits::PAGE_BYTES;
        let mut channels = vec![];
        for state in states.map_err(store_failed)? {
            let composition = &state.composition;
            let channel_id = composition.channel_id;
            // Whoever was there once and has left is in the store's list, but not a member.
            let Ok(your_slots) = member(composition, &self.player(channel_id)) else { continue };
            total_channels += 1;
            // Beyond what fits an answer, only the number of older channels is told.
            if room == 0 {
                continue;
            }
            let summary = ChannelSummary {
                channel_id,
                name: composition.name.clone(),
                message_count: state.size(),
                bots: composition.bots.iter().map(|bot| bot.bot_id.clone()).collect(),
                slots: View::of(composition).slots,
                your_slots,
            };
            room = room.saturating_sub(json_bytes(&summary)?);
            if room > 0 {
                channels.push(summary);
            }
        }
        Ok(ChannelList { channels, total_channels })
    }
}
