//! The state that the authorization server's endpoints share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::document::Documents;
use super::person::Visitors;
use crate::quota::AddressLimiter;
use crate::state::Relay;
use crate::web::Site;

/// Access codes that an address may try in [`TRY_PERIOD`].
const TRIES: u32 = 10;
const TRY_PERIOD: Duration = Duration::from_mins(1);

/// The relay as an authorization server.
pub(super) struct AuthorizationServer {
    pub(super) relay: Arc<Relay>,
    /// The metadata documents of clients.
    pub(super) documents: Documents,
    /// The cookies of people who were here before.
    pub(super) visitors: Visitors,
    /// Limits how often access codes are tried.
    pub(super) tries: AddressLimiter,
    /// Limits how often clients register.
    pub(super) registrations: AddressLimiter,
}

impl AuthorizationServer {
    pub(super) fn open(relay: &Arc<Relay>) -> Result<Self> {
        Ok(Self {
            documents: Documents::open(&relay.config, relay.clock.clone())?,
            visitors: Visitors::new(&relay.key, Site::of(&relay.config).is_secure()),
            tries: AddressLimiter::new(TRIES, TRY_PERIOD, &relay.clock),
            registrations: AddressLimiter::new(
                relay.config.registrations_per_hour,
                Duration::from_hours(1),
                &relay.clock,
            ),
            relay: Arc::clone(relay),
        })
    }
}

impl Deref for AuthorizationServer {
    type Target = Relay;

    fn deref(&self) -> &Relay {
        &self.relay
    }
}
