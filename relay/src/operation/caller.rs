use std::fmt;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::Composition;
use mcp_multiplayer_protocol::{ChannelId, Error, Hash, SlotId};

use crate::auth::{Credential, Principal};
use crate::channel::LiveChannel;
use crate::error::store_failed;
use crate::state::Relay;
use crate::store::Tenure;

/// A principal in the context of one request, and the relay that the request is made to.
#[derive(Clone)]
pub struct Caller {
    pub(super) relay: Arc<Relay>,
    pub(super) principal: Principal,
    /// `true` if replies about a channel carry a checkpoint.
    pub(super) has_checkpoints: bool,
    /// The entry after which replies about a channel carry its log; `None` for replies without it.
    pub(super) log_after: Option<u64>,
    credential: Credential,
}

impl Caller {
    /// A caller that acts for this token's principal, as long as the token is valid.
    pub fn new(relay: Arc<Relay>, credential: Credential) -> Self {
        let principal = credential.principal().clone();
        Self { relay, principal, has_checkpoints: false, log_after: None, credential }
    }

    /// The caller for the relay's own program, which plays as a practice partner.
    pub(crate) fn practice(relay: Arc<Relay>) -> Self {
        Self::new(relay, Credential::practice())
    }

    /// The token that the caller acts with.
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Adds a checkpoint to the replies about a channel that show or change something.
    #[must_use]
    pub(crate) fn with_checkpoints(self) -> Self {
        Self { has_checkpoints: true, ..self }
    }

    /// Adds the log after this entry to the replies about a channel.
    #[must_use]
    pub(crate) fn with_log_after(self, log_after: Option<u64>) -> Self {
        Self { log_after, ..self }
    }

    /// Returns an `UNAUTHENTICATED` error if the caller's token has expired or was revoked.
    pub(super) async fn check(&self) -> Result<(), Error> {
        self.relay.tokens.check(&self.credential).await
    }

    /// Waits until the caller's token has expired or was revoked, and returns the `UNAUTHENTICATED` error.
    pub(crate) async fn wait_for_end_of_token(&self) -> Error {
        self.relay.tokens.wait_for_end(&self.credential).await
    }

    /// The channel, and the caller's pseudonym in it.
    ///
    /// The error is the same whether the channel does not exist or the caller is not a member of it: nobody can find
    /// out which channels there are.
    pub(super) async fn channel(&self, channel_id: ChannelId) -> Result<(Arc<LiveChannel>, Hash), Error> {
        let channel = self.relay.channels.get(channel_id).await.map_err(store_failed)?;
        Ok((channel.ok_or_else(Error::not_member)?, self.pseudonym(channel_id)))
    }

    /// The caller's past tenures in a channel, or in one of its slots; an error if there is none.
    pub(super) async fn former_tenures(
        &self,
        channel_id: ChannelId,
        slot_id: Option<SlotId>,
    ) -> Result<Vec<Tenure>, Error> {
        let tenures = self.relay.store.list_tenures(self.principal.as_str().to_owned(), channel_id).await;
        let mut tenures = tenures.map_err(store_failed)?;
        tenures.retain(|tenure| tenure.ended.is_some() && slot_id.is_none_or(|slot_id| slot_id == tenure.slot_id));
        if tenures.is_empty() { Err(Error::not_member()) } else { Ok(tenures) }
    }

    /// The caller's pseudonym in a channel.
    pub(crate) fn pseudonym(&self, channel_id: ChannelId) -> Hash {
        self.relay.key.pseudonym(channel_id, self.principal.as_str())
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({:?})", self.principal)
    }
}

/// All seats of a member; an error if the player is neither seated nor the channel's owner.
pub(super) fn seats_of_member(composition: &Composition, player: &Hash) -> Result<Vec<SlotId>, Error> {
    let seats: Vec<SlotId> =
        composition.seats().filter(|(_, _, holder)| *holder == player).map(|(slot_id, ..)| slot_id).collect();
    if seats.is_empty() && *player != composition.owner { Err(Error::not_member()) } else { Ok(seats) }
}
