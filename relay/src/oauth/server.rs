//! State that the authorization server's endpoints share.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mcp_multiplayer_protocol::Hash;

use super::client::{Client, ClientError};
use super::client_metadata::ClientMetadataCache;
use super::resource_owner::IdentityCookie;
use crate::error::store_failed;
use crate::quota::{AddressLimiter, WindowBudget};
use crate::state::Relay;
use crate::web::Site;

/// Maximum length of a `client_id`, in bytes.
const MAX_CLIENT_ID_BYTES: usize = 500;
/// Minimum time between two token requests for one device code, as clients are told it, in seconds. It is short because a
/// person waits for the device to go on.
pub(super) const POLL_INTERVAL_SECONDS: u64 = 2;
/// Minimum time that is enforced. It is shorter, so that delays of the network slow nobody down.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(1_500);
/// Access codes that one address may try within [`ATTEMPT_PERIOD`].
const ACCESS_CODE_ATTEMPTS: u32 = 10;
/// User codes that one address may enter within [`ATTEMPT_PERIOD`].
const USER_CODE_ATTEMPTS: u32 = 10;
/// Wrong user codes that all addresses together may enter within [`ATTEMPT_PERIOD`]. In the ten minutes for which a code
/// is valid, that is one guess out of 4 million codes.
const WRONG_USER_CODES: u64 = 600;
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
    /// Rate limit on device authorization requests.
    pub(super) device_authorizations: AddressLimiter,
    /// Rate limit on polling for the tokens of one device code.
    pub(super) device_polls: WindowBudget<Hash>,
    /// Rate limit on entering user codes.
    pub(super) user_code_attempts: AddressLimiter,
    /// Rate limit on entering wrong user codes, from whatever address.
    pub(super) wrong_user_codes: WindowBudget<()>,
}

impl AuthorizationServer {
    pub(super) fn open(relay: &Arc<Relay>) -> Result<Self> {
        let per_hour = |count| AddressLimiter::new(count, Duration::from_hours(1), &relay.clock);
        Ok(Self {
            client_metadata: ClientMetadataCache::open(&relay.config, relay.clock.clone())?,
            identity_cookie: IdentityCookie::new(&relay.key, Site::of(&relay.config).is_secure()),
            access_code_attempts: AddressLimiter::new(ACCESS_CODE_ATTEMPTS, ATTEMPT_PERIOD, &relay.clock),
            registrations: per_hour(relay.config.registrations_per_hour),
            device_authorizations: per_hour(relay.config.registrations_per_hour),
            device_polls: WindowBudget::new(1, MIN_POLL_INTERVAL, &relay.clock),
            user_code_attempts: AddressLimiter::new(USER_CODE_ATTEMPTS, ATTEMPT_PERIOD, &relay.clock),
            wrong_user_codes: WindowBudget::new(WRONG_USER_CODES, ATTEMPT_PERIOD, &relay.clock),
            relay: Arc::clone(relay),
        })
    }

    /// Returns the client with this id: from its metadata document if the id is an https URL, else from the
    /// registrations.
    ///
    /// `requester` is the address of the caller, whose fetches of metadata documents are limited.
    pub(super) async fn resolve_client(&self, id: &str, requester: Option<IpAddr>) -> Result<Client, ClientError> {
        if id.len() > MAX_CLIENT_ID_BYTES {
            return Err(ClientError::NotRegistered);
        }
        if id.starts_with("https://") {
            return self.client_metadata.resolve(id, requester).await;
        }
        let client = self.store.lookup_client(id.to_owned()).await.map_err(|error| {
            let _ = store_failed(error);
            ClientError::Internal
        })?;
        let client = client.ok_or(ClientError::NotRegistered)?;
        Ok(Client {
            id: client.id,
            name: client.name,
            redirect_uris: client.redirect_uris,
            secret_hash: client.secret_hash,
            metadata_host: None,
        })
    }
}

impl Deref for AuthorizationServer {
    type Target = Relay;

    fn deref(&self) -> &Relay {
        &self.relay
    }
}
