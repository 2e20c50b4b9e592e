//! State that the authorization server's endpoints share.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::client::{Client, ClientError};
use super::client_metadata::ClientMetadataCache;
use super::resource_owner::IdentityCookie;
use crate::error::store_failed;
use crate::quota::AddressLimiter;
use crate::state::Relay;
use crate::web::Site;

/// Maximum length of a `client_id`, in bytes.
const MAX_CLIENT_ID_BYTES: usize = 500;
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
