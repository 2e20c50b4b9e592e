//! State that the authorization server's endpoints share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::client_metadata::ClientMetadataCache;
use super::resource_owner::IdentityCookie;
use crate::quota::AddressLimiter;
use crate::state::Relay;
use crate::web::Site;

/// Access codes that one address may try within [`ATTEMPT_PERIOD`].
const ACCESS_CODE_ATTEMPTS: u32 = 10;
const ATTEMPT_PERIOD: Duration = Duration::from_mins(1);

/// The relay in its role as an authorization server.
pub(super) struct AuthorizationServer {
    pub(super) relay: Arc<Relay>,
    pub(super) client_metadata: ClientMetadataCache,
    pub(super) identity_cookie: IdentityCookie,
    /// Rate limit on trying access codes.
    pub(super) access_code_attempts: AddressLimiter,
    /// Rate limit on registering clients.
    pub(super) registrations: AddressLimiter,
}

impl AuthorizationServer {
    pub(super) fn open(relay: &Arc<Relay>) -> Result<Self> {
        Ok(Self {
            client_metadata: ClientMetadataCache::open(&relay.config, relay.clock.clone())?,
            identity_cookie: IdentityCookie::new(&relay.key, Site::of(&relay.config).is_secure()),
            access_code_attempts: AddressLimiter::new(ACCESS_CODE_ATTEMPTS, ATTEMPT_PERIOD, &relay.clock),
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
