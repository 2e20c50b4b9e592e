use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{Composition, Holder, Slot, Terms};
use mcp_multiplayer_protocol::operation::{JoinChannel, JoinOutcome, Joined, View};
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Hash, Secret, SlotId, SystemEvent, limits};
use serde::{Deserialize, Serialize};

use super::Caller;
use super::answer::json_bytes;
use super::arguments::too_large;
use super::idempotency::RequestKey;
use crate::auth::Principal;
use crate::channel::{CommitError, LiveChannel, Member, Page, Proposal};
use crate::error::store_failed;
use crate::keys::SeatClaim;
use crate::store::{Membership, Tenure};

/// A seat that the caller holds. Part of what is stored for a repeat of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldSeat {
    pub(super) channel_id: ChannelId,
    pub(super) slot_id: SlotId,
    pub(super) tenure: u32,
}

/// The secret that a caller presents to get a seat.
#[derive(Clone, Copy)]
pub(super) enum SeatCredential {
    Invite(SeatClaim),
    RejoinToken(SeatClaim),
}

impl Caller {
    /// Takes a seat with an invite, or comes back to it with a rejoin token. With `preview`, only shows what the seat is for.
    pub(super) async fn join_channel(&self, args: JoinChannel) -> Result<JoinOutcome, Error> {
        if args.preview == Some(true) {
            return self.preview_channel(&args).await.map(JoinOutcome::Preview);
        }
        let request_key = RequestKey::new("join_channel", &args, args.idempotency_key.as_ref())?;
        check_entropy(args.entropy.as_deref())?;
        let seat = match self.join_once(&args, request_key.as_ref()).await {
            Ok(seat) => seat,
            Err(refusal) => self.repeat_outcome_or(refusal, request_key.as_ref(), None).await?,
        };
        let channel = self.relay.channels.get(seat.channel_id).await.map_err(store_failed)?;
        let joined = self.answer_joined(&channel.ok_or_else(Error::not_member)?, seat, args.cursor, 0).await?;
        Ok(JoinOutcome::Joined(joined))
    }

    async fn join_once(&self, args: &JoinChannel, request_key: Option<&RequestKey>) -> Result<HeldSeat, CommitError> {
        let credential = self.parse_credential(&args.invite_code)?;
        let (SeatCredential::Invite(claim) | SeatCredential::RejoinToken(claim)) = credential;
        let player = self.pseudonym(claim.channel_id);
        let channel = self.relay.channels.get(claim.channel_id).await?.ok_or_else(|| credential.invalid())?;
        channel
            .commit(|proposal| {
                let slot =
                    proposal.state().composition.slot(claim.slot_id).ok_or_else(|| credential.invalid())?.clone();
                let seat = match credential {
                    SeatCredential::Invite(_) => self.redeem(proposal, claim, &slot, player, args.entropy.clone())?,
                    SeatCredential::RejoinToken(_) => self.rejoin(proposal, claim, &slot, player)?,
                };
                // Who comes back to a closed channel can only read.
                if args.terms_hash.is_some() && proposal.state().composition.close_requested.is_none() {
                    self.accept_terms(proposal, claim.slot_id, args.terms_hash)?;
                }
                proposal.idempotency =
                    request_key.map(|request_key| request_key.record(self.principal_scope(), claim.channel_id, &seat));
                Ok(seat)
            })
            .await
    }

    /// The channel that an invite or a rejoin token is for, with the slot. The credential must be good, and remains as it is.
    pub(super) async fn channel_of_invite(&self, code: &Secret) -> Result<(Arc<LiveChannel>, SlotId), Error> {
        let credential = self.parse_credential(code)?;
        let (SeatCredential::Invite(claim) | SeatCredential::RejoinToken(claim)) = credential;
        let channel = self.relay.channels.get(claim.channel_id).await.map_err(store_failed)?;
        let channel = channel.ok_or_else(|| credential.invalid())?;
        let composition = channel.composition();
        let slot = composition.slot(claim.slot_id).ok_or_else(|| credential.invalid())?;
        credential.check(slot, &self.pseudonym(claim.channel_id))?;
        if composition.close_requested.is_some() && !slot.has_player() {
            return Err(Error::closed());
        }
        Ok((channel, claim.slot_id))
    }

    /// Reads an invite code, an invite link or a rejoin token.
    fn parse_credential(&self, text: &Secret) -> Result<SeatCredential, Error> {
        let text = text.expose().trim();
        let code = text.rsplit_once('#').map_or(text, |(_, fragment)| fragment).to_ascii_lowercase();
        if code.starts_with("rejoin_") {
            let claim = self.relay.key.verify_rejoin_token(&code);
            return claim.map(SeatCredential::RejoinToken).ok_or_else(rejoin_token_invalid);
        }
        if !code.starts_with("inv_") {
            return Err(Error::new(
                ErrorCode::InviteInvalid,
                "This text is neither an invite code nor a rejoin token.",
                "An invite code starts with 'inv_' (an invite link contains one), a rejoin token with 'rejoin_'. Ask the person who invites you for it.",
            ));
        }
        self.relay.key.verify_invite_code(&code).map(SeatCredential::Invite).ok_or_else(invite_invalid)
    }

    /// Proposes to take a seat with an invite code.
    fn redeem(
        &self,
        proposal: &mut Proposal,
        claim: SeatClaim,
        slot: &Slot,
        player: Hash,
        entropy: Option<String>,
    ) -> Result<HeldSeat, Error> {
        SeatCredential::Invite(claim).check(slot, &player)?;
        let seat = |tenure| HeldSeat { channel_id: claim.channel_id, slot_id: claim.slot_id, tenure };
        match &slot.holder {
            // The caller redeemed the code already, and repeats the call because the reply was lost.
            Some(Holder::Player { player: holder, .. }) if *holder == player && slot.invite_used => {
                return Ok(seat(slot.tenure));
            }
            _ => {}
        }
        self.take_seat(proposal, claim.slot_id, player, entropy).map(seat)
    }

    /// Proposes that the caller takes an empty seat. Returns the number of the tenure.
    pub(super) fn take_seat(
        &self,
        proposal: &mut Proposal,
        slot_id: SlotId,
        player: Hash,
        entropy: Option<String>,
    ) -> Result<u32, Error> {
        let label = label(&proposal.state().composition, slot_id);
        let program = self.principal == Principal::practice();
        proposal.push_event(&SystemEvent::MemberJoin { slot_id, label, player, entropy, program }, None)?;
        let tenure = proposal.state().composition.slots[slot_id.place()].tenure;
        self.record_membership(proposal, slot_id);
        Ok(tenure)
    }

    /// Proposes to move a seat to the caller with a rejoin token.
    fn rejoin(&self, proposal: &mut Proposal, claim: SeatClaim, slot: &Slot, player: Hash) -> Result<HeldSeat, Error> {
        SeatCredential::RejoinToken(claim).check(slot, &player)?;
        let Some(Holder::Player { player: holder, .. }) = &slot.holder else { return Err(rejoin_token_invalid()) };
        if *holder != player && proposal.state().composition.close_requested.is_none() {
            let label = slot.label.clone();
            proposal.push_event(&SystemEvent::MemberRejoin { slot_id: claim.slot_id, label, player }, None)?;
            self.record_membership(proposal, claim.slot_id);
        } else if *holder != player {
            return Err(Error::closed());
        }
        Ok(HeldSeat { channel_id: claim.channel_id, slot_id: claim.slot_id, tenure: slot.tenure })
    }

    /// Records that the caller now holds this seat.
    fn record_membership(&self, proposal: &mut Proposal, slot_id: SlotId) {
        let slot = &proposal.state().composition.slots[slot_id.place()];
        let began = slot.tenure_began().expect("the seat is held from the proposal's last entry on");
        let seat = Tenure { slot_id, number: slot.tenure, began, ended: None };
        proposal.memberships.push(Membership { principal: self.principal.as_str().to_owned(), seat: Some(seat) });
    }

    /// The answer to a caller who has just got a seat, with the messages after `cursor`. `more` is the size of what else
    /// the answer contains, in bytes.
    pub(super) async fn answer_joined(
        &self,
        channel: &Arc<LiveChannel>,
        seat: HeldSeat,
        cursor: Option<u64>,
        more: usize,
    ) -> Result<Joined, Error> {
        let player = self.pseudonym(seat.channel_id);
        let shutdown = &self.relay.shutdown;
        let state = channel.durable();
        let (mut view, mut bots) = (View::of(&state), self.bot_views(&state.composition).await?);
        let room = limits::ANSWER_BYTES.saturating_sub(more + json_bytes(&view)? + json_bytes(&bots)?);
        // The seat is taken already, so a cursor beyond the end of the log is no reason to fail.
        let cursor = cursor.unwrap_or(0).min(state.size());
        let synced = channel
            .sync(Page::at_once(cursor, room.min(limits::PAGE_BYTES)), shutdown, |composition| {
                Ok(Member::resolve(composition, &player, Some(seat.slot_id))?.visibility(composition))
            })
            .await?;
        let now = channel.durable();
        if now.composition.revision != state.composition.revision {
            // The view must not be older than the messages, which may tell of the change.
            (view, bots) = (View::of(&now), self.bot_views(&now.composition).await?);
        }
        Ok(Joined {
            channel_id: seat.channel_id,
            slot_id: seat.slot_id,
            rejoin_token: self.rejoin_token(seat),
            view,
            bots,
            terms_hash: Terms::of(&now.composition).hash(),
            messages: synced.messages,
            cursor: synced.cursor,
            has_more: synced.has_more,
            now: synced.now,
        })
    }

    pub(super) fn rejoin_token(&self, seat: HeldSeat) -> Secret {
        let HeldSeat { channel_id, slot_id, tenure } = seat;
        self.relay.key.rejoin_token(SeatClaim { channel_id, slot_id, number: tenure })
    }
}

/// Checks the random text that a player contributes to the bots' draws.
pub(super) fn check_entropy(entropy: Option<&str>) -> Result<(), Error> {
    match entropy.map(str::len).filter(|length| *length > limits::ENTROPY_BYTES) {
        Some(length) => Err(too_large("Argument 'entropy'", length, limits::ENTROPY_BYTES)),
        None => Ok(()),
    }
}

/// Label of a slot; empty if there is no such slot.
pub(super) fn label(composition: &Composition, slot_id: SlotId) -> String {
    composition.slot(slot_id).map(|slot| slot.label.clone()).unwrap_or_default()
}

impl SeatCredential {
    /// The error for a credential of this sort that is not valid.
    pub(super) fn invalid(self) -> Error {
        match self {
            Self::Invite(_) => invite_invalid(),
            Self::RejoinToken(_) => rejoin_token_invalid(),
        }
    }
}

/// Returns whether an invite can still be used.
pub(super) fn is_redeemable(slot: &Slot, claim: SeatClaim) -> bool {
    slot.invite == claim.number && !slot.closed && !slot.invite_used
}

/// The error for an invite whose player has left.
pub(super) fn invite_spent() -> Error {
    Error::new(
        ErrorCode::InviteInvalid,
        "This invite code was used, and its player has left the seat.",
        "A code fills a slot once, also for the same person. Ask the channel's owner for a new invite.",
    )
}

pub(super) fn invite_invalid() -> Error {
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
