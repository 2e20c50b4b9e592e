use mcp_multiplayer_protocol::operation::{ChannelList, ChannelSummary, View};
use mcp_multiplayer_protocol::{Error, limits};

use super::Caller;
use super::answer::json_bytes;
use super::caller::seats_of_member;
use crate::error::store_failed;

/// Most channels that are read from the store.
const LISTED: u32 = 1_000;

impl Caller {
    /// Lists the channels that the caller is a member of, and no others.
    pub(super) async fn list_channels(&self) -> Result<ChannelList, Error> {
        let states = self.relay.store.list_channels(self.principal.as_str().to_owned(), LISTED).await;
        let mut total_channels = 0;
        let mut room = limits::PAGE_BYTES;
        let mut channels = vec![];
        for state in states.map_err(store_failed)? {
            let composition = &state.composition;
            let channel_id = composition.channel_id;
            // The store also lists channels that the caller has left.
            let Ok(your_slots) = seats_of_member(composition, &self.pseudonym(channel_id)) else { continue };
            total_channels += 1;
            // Channels that do not fit the answer are only counted.
            if room == 0 {
                continue;
            }
            let summary = ChannelSummary {
                channel_id,
                name: composition.name.clone(),
                message_count: state.size(),
                bots: composition.bots.iter().map(|bot| bot.bot_id.clone()).collect(),
                slots: View::of(&state).slots,
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
