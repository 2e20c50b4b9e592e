//! Tokens that are issued, and the response that contains them.

use mcp_multiplayer_protocol::{ChannelId, Timestamp};
use serde::Serialize;

use super::scope::Scope;
use crate::auth::token_hash;
use crate::state::Relay;
use crate::store::NewTokens;

/// A successful response (RFC 6749, section 5.1).
#[derive(Serialize)]
pub(super) struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Lifetime of the access token, in seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: Scope,
    /// The name that the operator gave to the person, on an invitation-only relay. An extension: OAuth 2.1 lets a server add
    /// members (section 3.2.3), and clients ignore those that they do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl TokenResponse {
    /// Adds the person's name.
    pub(super) fn with_name(self, name: Option<String>) -> Self {
        Self { name, ..self }
    }
}

/// Newly generated tokens. They are sent to the client once; the store gets only their hashes.
pub(super) struct GeneratedTokens {
    access: String,
    refresh: Option<String>,
}

impl GeneratedTokens {
    pub(super) fn new(relay: &Relay, with_refresh_token: bool) -> Self {
        let token = |prefix| format!("{prefix}_{}", ChannelId::encode_base32(&relay.random.bytes::<30>()));
        Self { access: token("mma"), refresh: with_refresh_token.then(|| token("mmr")) }
    }

    pub(super) fn hashed(&self, relay: &Relay) -> NewTokens {
        let now = relay.clock.now();
        let after = |seconds: u64| {
            let millis = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.as_millis().saturating_add(millis))
        };
        NewTokens {
            issued_at: now,
            access: (token_hash(&self.access), after(relay.config.access_token_seconds)),
            refresh: self
                .refresh
                .as_deref()
                .map(|token| (token_hash(token), after(relay.config.refresh_token_seconds))),
        }
    }

    pub(super) fn into_response(self, relay: &Relay, scope: Scope) -> TokenResponse {
        TokenResponse {
            access_token: self.access,
            token_type: "Bearer",
            expires_in: relay.config.access_token_seconds,
            refresh_token: self.refresh,
            scope,
            name: None,
        }
    }
}
