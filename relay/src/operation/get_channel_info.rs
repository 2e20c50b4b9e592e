use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::channel::Terms;
use mcp_multiplayer_protocol::operation::{ChannelInfo, GetChannelInfo, View};

use super::Caller;
use super::caller::seats_of_member;

impl Caller {
    /// Returns the channel's slots, members and bots.
    pub(super) async fn get_channel_info(&self, args: GetChannelInfo) -> Result<ChannelInfo, Error> {
        let (channel, player) = self.channel(args.channel_id).await?;
        let state = channel.durable();
        let your_slots = seats_of_member(&state.composition, &player)?;
        let bots = self.bot_views(&state.composition).await?;
        let terms = Terms::of(&state.composition);
        let (view, terms_hash, message_count) = (View::of(&state), terms.hash(), state.size());
        Ok(ChannelInfo { view, bots, terms, terms_hash, your_slots, message_count })
    }
}
