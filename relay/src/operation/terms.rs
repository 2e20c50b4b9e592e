use mcp_multiplayer_protocol::channel::{Holder, Slot, Terms};
use mcp_multiplayer_protocol::operation::{ChannelPreview, JoinChannel, View};
use mcp_multiplayer_protocol::{Error, Hash, SlotId, SystemEvent, canonical_text};

use super::Caller;
use super::join_channel::{SeatCredential, invite_spent};
use crate::channel::Proposal;
use crate::error::{internal, store_failed};
use crate::store::AcceptedTerms;

impl Caller {
    /// Proposes that the holder of a seat accepts the channel's terms. With `expected`, they must have this hash.
    pub(super) fn accept_terms(
        &self,
        proposal: &mut Proposal,
        slot_id: SlotId,
        expected: Option<Hash>,
    ) -> Result<(), Error> {
        let composition = &proposal.state().composition;
        let terms = Terms::of(composition);
        let terms_hash = terms.hash();
        if expected.is_some_and(|expected| expected != terms_hash) {
            return Err(Error::other_terms());
        }
        if composition.slot(slot_id).is_some_and(|slot| slot.accepted) {
            return Ok(());
        }
        let ts = proposal.push_event(&SystemEvent::TermsAccepted { slot_id, terms_hash }, None)?.envelope.ts;
        let principal = self.principal.as_str().to_owned();
        let value = serde_json::to_value(&terms).map_err(|error| internal(&error))?;
        let terms = canonical_text("terms", &value).map_err(|error| internal(&error))?;
        proposal.accepted.push(AcceptedTerms { principal, terms, ts });
        Ok(())
    }

    /// Shows a channel to somebody with an invite or a rejoin token, and leaves the seat as it is.
    pub(super) async fn preview_channel(&self, args: &JoinChannel) -> Result<ChannelPreview, Error> {
        let (channel, slot_id) = self.channel_of_invite(&args.invite_code).await?;
        let state = channel.durable();
        let terms = Terms::of(&state.composition);
        let terms_hash = terms.hash();
        let accepted = self.relay.store.list_accepted_terms(self.principal.as_str().to_owned()).await;
        let accepted: Vec<_> = accepted
            .map_err(store_failed)?
            .into_iter()
            .filter_map(|accepted| Some((serde_json::from_str::<Terms>(&accepted.terms).ok()?, accepted.ts)))
            .collect();
        let accepted_before = accepted.iter().find(|(earlier, _)| *earlier == terms).map(|(_, ts)| *ts);
        let names = |terms: &Terms| terms.bots.iter().map(|bot| bot.name.clone()).collect::<Vec<_>>();
        let changed = match accepted.iter().find(|(earlier, _)| names(earlier) == names(&terms)) {
            Some((earlier, _)) if accepted_before.is_none() => Some(terms.differences(earlier)),
            _ => None,
        };
        Ok(ChannelPreview {
            preview: true,
            channel_id: state.composition.channel_id,
            slot_id,
            view: View::of(&state),
            bots: self.bot_views(&state.composition).await?,
            terms,
            terms_hash,
            accepted_before,
            changed,
        })
    }
}

impl SeatCredential {
    /// Checks that the credential is good for this slot: that an invite is still unused or was used by the caller, and that a
    /// rejoin token is for the present tenure.
    pub(super) fn check(self, slot: &Slot, player: &Hash) -> Result<(), Error> {
        let is_callers = matches!(&slot.holder, Some(Holder::Player { player: holder, .. }) if holder == player);
        match self {
            Self::RejoinToken(claim) if slot.has_player() && slot.tenure == claim.number => Ok(()),
            Self::RejoinToken(_) => Err(self.invalid()),
            Self::Invite(claim) if slot.invite != claim.number || slot.closed => Err(self.invalid()),
            Self::Invite(_) if is_callers => Ok(()),
            Self::Invite(_) if slot.invite_used && slot.holder.is_none() => Err(invite_spent()),
            Self::Invite(_) if slot.invite_used => Err(Error::slot_already_filled()),
            Self::Invite(_) => Ok(()),
        }
    }
}
