use mcp_multiplayer_protocol::operation::{LeaveChannel, Left};
use mcp_multiplayer_protocol::{Actor, Error, SystemEvent};

use super::Caller;
use super::repeat::Keyed;
use crate::channel::{CommitError, Standing};

impl Caller {
    /// Gives a seat up; its tenure and its rejoin token end.
    pub(super) async fn leave_channel(&self, args: LeaveChannel) -> Result<Left, Error> {
        let keyed = Keyed::new("leave_channel", &args, args.idempotency_key.as_ref())?;
        match self.leave_once(&args, keyed.as_ref()).await {
            Ok(left) => Ok(left),
            Err(refused) => self.or_repeat(keyed.as_ref(), Some((args.channel_id, args.slot_id)), refused).await,
        }
    }

    async fn leave_once(&self, args: &LeaveChannel, keyed: Option<&Keyed>) -> Result<Left, CommitError> {
        let (channel, player) = self.channel(args.channel_id).await?;
        channel
            .commit(|proposal| {
                let composition = &proposal.state().composition;
                let standing = Standing::resolve(composition, &player, args.slot_id)?;
                let slot_id = standing.seat()?;
                let label = composition.slots[slot_id.place()].label.clone();
                proposal.push_event(&SystemEvent::MemberLeave { slot_id, label, by: Actor::Slot(slot_id) }, None)?;
                let scope = self.scope(args.channel_id, standing);
                proposal.idempotency = keyed.map(|keyed| keyed.record(scope, args.channel_id, &Left { ok: true }));
                Ok(Left { ok: true })
            })
            .await
    }
}
