use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::operation::{ChannelList, ChannelSummary, View};

use super::{Session, member};
use crate::error::store_failed;

/// The most channels that are listed.
const LISTED: u32 = 200;

impl Session {
    /// The caller's own channels, never anyone else's.
    pub(super) async fn list_channels(&self) -> Result<ChannelList, Error> {
        let states = self.relay.store.list_channels(self.principal.as_str().to_owned(), LISTED).await;
        let channels: Vec<ChannelSummary> = states
            .map_err(store_failed)?
            .into_iter()
            .filter_map(|state| {
                let channel_id = state.composition.channel_id;
                // Whoever was there once and has left is in the store's list, but not a member.
                let your_slots = member(&state.composition, &self.player(channel_id)).ok()?;
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
        Ok(ChannelList { total_channels: channels.len() as u64, channels })
    }
}
