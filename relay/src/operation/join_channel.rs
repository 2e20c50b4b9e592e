use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{Composition, Holder, Slot};
use mcp_multiplayer_protocol::operation::{JoinChannel, Joined, View};
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Hash, Secret, SlotId, SystemEvent, limits};
use serde::{Deserialize, Serialize};

use super::repeat::Keyed;
use super::{Caller, json_bytes, too_large};
use crate::channel::{CommitError, LiveChannel, Page, Proposal};
use crate::error::store_failed;
use crate::keys::SeatCode;
use crate::store::Membership;

/// The seat that a caller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seat {
    pub(super) channel_id: ChannelId,
    pub(super) slot_id: SlotId,
    pub(super) tenure: u32,
}

/// What the caller showed.
enum Ticket {
    Invite(SeatCode),
    Rejoin(SeatCode),
}

impl Caller {
    /// Takes a seat with an invite, or comes back to it with a rejoin token.
    pub(super) async fn join_channel(&self, args: JoinChannel) -> Result<Joined, Error> {
        let keyed = Keyed::new("join_channel", &args, args.idempotency_key.as_ref())?;
        if let Some(entropy) = &args.entropy
            && entropy.len() > limits::ENTROPY_BYTES
        {
            return Err(too_large("Argument 'entropy'", entropy.len(), limits::ENTROPY_BYTES));
        }
        let seat = match self.join_once(&args, keyed.as_ref()).await {
            Ok(seat) => seat,
            Err(refused) => self.or_repeat(keyed.as_ref(), None, refused).await?,
        };
        let channel = self.relay.channels.get(seat.channel_id).await.map_err(store_failed)?;
        self.joined(&channel.ok_or_else(Error::not_member)?, seat, 0).await
    }

    async fn join_once(&self, args: &JoinChannel, keyed: Option<&Keyed>) -> Result<Seat, CommitError> {
        let ticket = self.ticket(&args.invite_code)?;
        let (Ticket::Invite(grant) | Ticket::Rejoin(grant)) = ticket;
        let (refusal, player) = (ticket.refusal(), self.player(grant.channel_id));
        let channel = self.relay.channels.get(grant.channel_id).await?.ok_or(refusal)?;
        channel
            .commit(|proposal| {
                let slot = proposal.state().composition.slot(grant.slot_id).ok_or_else(|| ticket.refusal())?.clone();
                let seat = match ticket {
                    Ticket::Invite(_) => self.redeem(proposal, grant, &slot, player, args.entropy.clone())?,
                    Ticket::Rejoin(_) => self.rejoin(proposal, grant, &slot, player)?,
                };
                proposal.idempotency = keyed.map(|keyed| keyed.record(self.own_scope(), grant.channel_id, &seat));
                Ok(seat)
            })
            .await
    }

    /// Reads a code, a link or a token.
    fn ticket(&self, text: &Secret) -> Result<Ticket, Error> {
        let text = text.expose().trim();
        let code = text.rsplit_once('#').map_or(text, |(_, fragment)| fragment);
        if code.starts_with("rejoin_") {
            return self.relay.key.open_rejoin(code).map(Ticket::Rejoin).ok_or_else(rejoin_token_invalid);
        }
        self.relay.key.open_invite(code).map(Ticket::Invite).ok_or_else(invite_invalid)
    }

    fn redeem(
        &self,
        proposal: &mut Proposal,
        grant: SeatCode,
        slot: &Slot,
        player: Hash,
        entropy: Option<String>,
    ) -> Result<Seat, Error> {
        if slot.invite != grant.number || slot.closed {
            return Err(invite_invalid());
        }
        let seat = |tenure| Seat { channel_id: grant.channel_id, slot_id: grant.slot_id, tenure };
        match &slot.holder {
            // The reply to an earlier call was lost, or the caller is thorough.
            Some(Holder::Player { player: holder, .. }) if *holder == player && slot.invite_used => {
                return Ok(seat(slot.tenure));
            }
            None if slot.invite_used => return Err(invite_invalid()),
            _ => {}
        }
        self.take_seat(proposal, grant.slot_id, player, entropy).map(seat)
    }

    /// Proposes that the caller takes a seat, and returns the number of the tenure.
    pub(super) fn take_seat(
        &self,
        proposal: &mut Proposal,
        slot_id: SlotId,
        player: Hash,
        entropy: Option<String>,
    ) -> Result<u32, Error> {
        let label = label(&proposal.state().composition, slot_id);
        proposal.push_event(&SystemEvent::MemberJoin { slot_id, label, player, entropy }, None)?;
        let tenure = proposal.state().composition.slots[slot_id.place()].tenure;
        self.belong(proposal, slot_id, tenure);
        Ok(tenure)
    }

    fn rejoin(&self, proposal: &mut Proposal, grant: SeatCode, slot: &Slot, player: Hash) -> Result<Seat, Error> {
        let Some(Holder::Player { player: holder, .. }) = &slot.holder else { return Err(rejoin_token_invalid()) };
        if slot.tenure != grant.number {
            return Err(rejoin_token_invalid());
        }
        if *holder != player && proposal.state().composition.closed.is_none() {
            let label = slot.label.clone();
            proposal.push_event(&SystemEvent::MemberRejoin { slot_id: grant.slot_id, label, player }, None)?;
            self.belong(proposal, grant.slot_id, slot.tenure);
        } else if *holder != player {
            return Err(Error::closed());
        }
        Ok(Seat { channel_id: grant.channel_id, slot_id: grant.slot_id, tenure: slot.tenure })
    }

    fn belong(&self, proposal: &mut Proposal, slot_id: SlotId, tenure: u32) {
        let principal = self.principal.as_str().to_owned();
        proposal.memberships.push(Membership { principal, seat: Some((slot_id, tenure)) });
    }

    /// What somebody who has just taken a seat is told, in an answer that holds `more` bytes besides.
    pub(super) async fn joined(&self, channel: &Arc<LiveChannel>, seat: Seat, more: usize) -> Result<Joined, Error> {
        let player = self.player(seat.channel_id);
        let shutdown = &self.relay.shutdown;
        let composition = channel.composition();
        let (mut view, mut bots) = (View::of(&composition), self.bot_views(&composition).await?);
        let room = limits::ANSWER_BYTES.saturating_sub(more + json_bytes(&view)? + json_bytes(&bots)?);
        let synced = channel
            .sync(Page::from_start(room.min(limits::PAGE_BYTES)), shutdown, |composition| {
                super::reader(composition, &player, Some(seat.slot_id))
            })
            .await?;
        let now = channel.composition();
        if now.revision != composition.revision {
            // What is shown is no older than what was said.
            (view, bots) = (View::of(&now), self.bot_views(&now).await?);
        }
        Ok(Joined {
            channel_id: seat.channel_id,
            slot_id: seat.slot_id,
            rejoin_token: self.rejoin_token(seat),
            view,
            bots,
            messages: synced.messages,
            cursor: synced.cursor,
            has_more: synced.has_more,
        })
    }

    pub(super) fn rejoin_token(&self, seat: Seat) -> Secret {
        let Seat { channel_id, slot_id, tenure } = seat;
        self.relay.key.rejoin_token(SeatCode { channel_id, slot_id, number: tenure })
    }
}

pub(super) fn label(composition: &Composition, slot_id: SlotId) -> String {
    composition.slot(slot_id).map(|slot| slot.label.clone()).unwrap_or_default()
}

impl Ticket {
    fn refusal(&self) -> Error {
        match self {
            Self::Invite(_) => invite_invalid(),
            Self::Rejoin(_) => rejoin_token_invalid(),
        }
    }
}

fn invite_invalid() -> Error {
    Error::new(
        ErrorCode::InviteInvalid,
        "This invite code is not valid: it was mistyped, already used, replaced, or comes from another relay.",
        "Copy it again in full ('inv_…'). To come back to your own seat, pass your rejoin_token; else ask the channel's owner for a new invite.",
    )
}

fn rejoin_token_invalid() -> Error {
    Error::new(
        ErrorCode::RejoinTokenInvalid,
        "This rejoin token is not valid: it was mistyped, its seat was left or taken away, or it comes from another relay.",
        "Copy it again in full ('rejoin_…'), or ask the channel's owner for a new invite.",
    )
}
