use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{Composition, Visibility};
use mcp_multiplayer_protocol::receipt::{FORMAT, Header};
use mcp_multiplayer_protocol::{Actor, ChannelId, Error, Hash, SlotId};

use super::Caller;
use crate::channel::{LiveChannel, Member};
use crate::receipt::{LaterPlan, Reader, ReceiptPlan};

impl Caller {
    /// Plans the receipt of a present member, with the whole log, or of a former one, with the log up to the end of the time in
    /// the seat.
    pub(crate) async fn plan_receipt(
        &self,
        channel_id: ChannelId,
        slot_id: Option<SlotId>,
    ) -> Result<ReceiptPlan<'static>, Error> {
        // A receipt link is redeemed without an operation, which would check this.
        self.check().await?;
        let (channel, player) = self.channel(channel_id).await?;
        let state = channel.durable();
        let (holder, size, visibility) = match member(&state.composition, &player, slot_id) {
            Ok((holder, visibility)) => (holder, state.size(), visibility),
            Err(error) => self.former(&channel, slot_id).await.map_err(|_| error)?,
        };
        let checkpoint = self.relay.log.sign(channel_id, channel.tree_of(size).await?);
        let header = Header { format: FORMAT.to_owned(), channel_id, log: Some(self.relay.log.identity()), holder };
        let present = state.head.frontier.tree_head();
        let later = (size < present.size).then(|| LaterPlan {
            checkpoint: self.relay.log.sign(channel_id, present),
            tree: present,
            channel: Arc::clone(&channel),
        });
        Ok(ReceiptPlan { header, size, checkpoint, reader: Reader::Member(visibility), later })
    }

    async fn former(&self, channel: &LiveChannel, slot_id: Option<SlotId>) -> Result<(String, u64, Visibility), Error> {
        let visibility = self.former_visibility(channel.channel_id(), slot_id).await?;
        let left = visibility.end().ok_or_else(Error::not_member)?;
        let seats: Vec<String> = visibility.tenures().iter().map(|tenure| tenure.slot_id.to_string()).collect();
        Ok((format!("{}, until entry {left}", seats.join(", ")), left, visibility))
    }
}

fn member(composition: &Composition, player: &Hash, slot_id: Option<SlotId>) -> Result<(String, Visibility), Error> {
    let member = Member::resolve(composition, player, slot_id)?;
    let holder = match member.actor {
        Actor::Slot(slot_id) => slot_id.to_string(),
        Actor::Owner => "the owner".to_owned(),
    };
    Ok((holder, member.visibility(composition)))
}
