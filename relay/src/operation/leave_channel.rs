use mcp_multiplayer_protocol::operation::{LeaveChannel, Left};
use mcp_multiplayer_protocol::{Actor, Error, SystemEvent};

use super::Caller;
use super::idempotency::RequestKey;
use crate::channel::{CommitError, Member};

impl Caller {
    /// Gives up a seat. Its tenure ends, and its rejoin token becomes invalid.
    pub(super) async fn leave_channel(&self, args: LeaveChannel) -> Result<Left, Error> {
        let request_key = RequestKey::new("leave_channel", &args, args.idempotency_key.as_ref())?;
        match self.leave_once(&args, request_key.as_ref()).await {
            Ok(left) => Ok(left),
            Err(refusal) => {
                self.repeat_outcome_or(refusal, request_key.as_ref(), Some((args.channel_id, args.slot_id))).await
            }
        }
    }

    async fn leave_once(&self, args: &LeaveChannel, request_key: Option<&RequestKey>) -> Result<Left, CommitError> {
        let (channel, player) = self.channel(args.channel_id).await?;
        channel
            .commit(|proposal| {
                let composition = &proposal.state().composition;
                let member = Member::resolve(composition, &player, args.slot_id)?;
                let slot_id = member.seat()?;
                let label = composition.slots[slot_id.place()].label.clone();
                proposal.push_event(&SystemEvent::MemberLeave { slot_id, label, by: Actor::Slot(slot_id) }, None)?;
                let scope = self.member_scope(args.channel_id, member);
                proposal.idempotency =
                    request_key.map(|request_key| request_key.record(scope, args.channel_id, &Left { ok: true }));
                Ok(Left { ok: true })
            })
            .await
    }
}
