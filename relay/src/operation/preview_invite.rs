use std::sync::Arc;

use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::channel::Holder;
use serde::Serialize;

use super::join_channel::{invite_invalid, is_redeemable};
use crate::error::store_failed;
use crate::state::Relay;

/// What an invite is for, as whoever has its code may see it.
#[derive(Debug, Serialize)]
pub(crate) struct InvitePreview {
    channel_name: String,
    /// Label of a seat that the channel's owner holds; `None` if the owner has no seat.
    host: Option<String>,
    /// Label of the seat that the invite fills.
    seat: String,
    /// Names of the channel's bots.
    bots: Vec<String>,
}

impl InvitePreview {
    /// Looks up an invite that can still be used. It remains unused.
    ///
    /// The code itself is verified first, so that guesses cost no access to the store.
    pub(crate) async fn lookup(relay: &Arc<Relay>, code: &str) -> Result<Self, Error> {
        let claim = relay.key.verify_invite_code(code).ok_or_else(invite_invalid)?;
        let channel = relay.channels.get(claim.channel_id).await.map_err(store_failed)?.ok_or_else(invite_invalid)?;
        let composition = channel.composition();
        let slot = composition.slot(claim.slot_id).ok_or_else(invite_invalid)?;
        if composition.close_requested.is_some() || slot.holder.is_some() || !is_redeemable(slot, claim) {
            return Err(invite_invalid());
        }
        let owners = composition
            .slots
            .iter()
            .find(|slot| matches!(&slot.holder, Some(Holder::Player { player, .. }) if *player == composition.owner));
        Ok(Self {
            channel_name: composition.name.clone(),
            host: owners.map(|slot| slot.label.clone()),
            seat: slot.label.clone(),
            bots: composition.bots.iter().map(|bot| bot.name.clone()).collect(),
        })
    }
}
