use std::time::{Duration, SystemTime};

use mcp_multiplayer_protocol::Timestamp;
use oauth2::{AccessToken, ClientId, RefreshToken, TokenResponse as _};
use serde::{Deserialize, Serialize};

use super::discovery::AuthorizationServer;
use super::error::LoginError;
use super::http_client::HttpClient;
use super::token_response::TokenResponse;

/// Remaining lifetime at which an access token is refreshed.
const REFRESH_BEFORE: Duration = Duration::from_mins(1);
/// Assumed lifetime of an access token, if the relay does not state one.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(10);

/// The tokens of a login, and what is needed to refresh and revoke them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Credentials {
    /// Address of the relay, in its normal form.
    pub(super) relay: String,
    /// The person's name there, if the relay told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) client_id: ClientId,
    pub(super) token_endpoint: String,
    pub(super) revocation_endpoint: Option<String>,
    pub(super) logged_in_at: Timestamp,
    pub(super) access_token: AccessToken,
    pub(super) access_token_expires_at: Timestamp,
    pub(super) refresh_token: Option<RefreshToken>,
}

impl Credentials {
    /// Creates the credentials of a new login.
    pub(super) fn new(
        http: &HttpClient,
        server: AuthorizationServer,
        client_id: String,
        tokens: &TokenResponse,
    ) -> Result<Self, LoginError> {
        let now = now();
        let mut credentials = Self {
            relay: http.relay().base(),
            name: tokens.extra_fields().name.clone(),
            client_id: ClientId::new(client_id),
            token_endpoint: server.token_endpoint,
            revocation_endpoint: server.revocation_endpoint,
            logged_in_at: now,
            access_token: tokens.access_token().clone(),
            access_token_expires_at: now,
            refresh_token: None,
        };
        credentials.replace_tokens(http, tokens)?;
        Ok(credentials)
    }

    /// Takes over the tokens of a response.
    pub(super) fn replace_tokens(&mut self, http: &HttpClient, tokens: &TokenResponse) -> Result<(), LoginError> {
        let token = tokens.access_token();
        // Otherwise it would not be valid in a header.
        if token.secret().is_empty() || !token.secret().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(http.invalid("its access token is malformed"));
        }
        self.access_token = token.clone();
        let lifetime = tokens.expires_in().unwrap_or(DEFAULT_LIFETIME).min(Duration::from_hours(24 * 365));
        self.access_token_expires_at = now().after_millis(millis(lifetime));
        // A server may go on with the previous one (RFC 6749, section 6).
        if let Some(token) = tokens.refresh_token() {
            self.refresh_token = Some(token.clone());
        }
        Ok(())
    }

    /// Returns whether the access token need not be refreshed yet.
    pub(super) fn is_fresh(&self) -> bool {
        now().after_millis(millis(REFRESH_BEFORE)) < self.access_token_expires_at
    }

    /// Returns whether the access token has not expired.
    pub(super) fn is_valid(&self) -> bool {
        now() < self.access_token_expires_at
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The time by the clock of this computer.
#[expect(clippy::disallowed_methods, reason = "a client has no injected clock")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(0).after_millis(millis(since))
}
