//! Checks of a grant before tokens are issued for it, and the log of what was issued and revoked.

use std::net::IpAddr;

use super::form::Form;
use super::token_error::{TokenError, TokenErrorCode};
use crate::auth::{has_access, resource};
use crate::config::Access;
use crate::state::Relay;
use crate::store::Grant;
use crate::telemetry::SECURITY;

/// Rejects a `resource` other than the one that access was granted for (RFC 8707, section 2.2), and grants for a relay
/// with another public URL.
pub(super) fn check_resource(relay: &Relay, form: &Form, grant: &Grant) -> Result<(), TokenError> {
    let is_own = resource::validate(&relay.config, &grant.resource).is_some();
    let is_same = form.get("resource").is_none_or(|requested| resource::is_same(requested, &grant.resource));
    if is_own && is_same { Ok(()) } else { Err(invalid_target()) }
}

pub(super) fn invalid_target() -> TokenError {
    TokenError::new(
        TokenErrorCode::InvalidTarget,
        "resource must be what access was granted for: the relay's public URL, or /mcp under it.",
    )
}

/// Rejects a principal that no longer has access to the relay.
pub(super) async fn check_access(relay: &Relay, grant: &Grant) -> Result<(), TokenError> {
    if has_access(&*relay.store, relay.config.access(), &grant.principal).await? {
        return Ok(());
    }
    Err(TokenError::invalid_grant("This person no longer has access to the relay; authorize again."))
}

/// Returns the name that the operator gave to the person of a grant, if the relay is invitation-only.
pub(super) async fn person_name(relay: &Relay, grant: &Grant) -> Result<Option<String>, TokenError> {
    let id = grant.principal.strip_prefix("person:").filter(|_| relay.config.access() == Access::Invite);
    let Some(id) = id else { return Ok(None) };
    Ok(relay.store.lookup_access_code(id.to_owned()).await?.map(|code| code.name))
}

/// Logs that a client got the first tokens of a grant, or a token for itself.
pub(super) fn log_sign_in(grant: &Grant, address: Option<IpAddr>) {
    tracing::info!(
        target: SECURITY,
        {
            security.event = "signed_in",
            principal = grant.principal,
            oauth.grant_id = grant.id,
            oauth.client_id = grant.client_id,
            client.address = address.map(tracing::field::display),
        },
        "signed in"
    );
}

/// Logs that a code or token was used again, which revoked its grant.
pub(super) fn log_reuse(grant: &Grant, address: Option<IpAddr>, message: &str) {
    tracing::warn!(
        target: SECURITY,
        {
            security.event = "grant_revoked",
            revoked.by = "reuse",
            principal = grant.principal,
            oauth.grant_id = grant.id,
            oauth.client_id = grant.client_id,
            client.address = address.map(tracing::field::display),
        },
        "{message}"
    );
}
