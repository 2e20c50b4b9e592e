//! The consent page, which asks a person whether a client may act for them.
//!
//! It works without JavaScript and without a server-side session. The authorization request is in a hidden form field,
//! signed by the relay and bound to the person's cookie. So no other page can submit the form for the person
//! (RFC 6749, section 10.12), and a field made for one person is useless to another.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use mcp_multiplayer_protocol::Timestamp;

use super::authorization_request::AuthorizationRequest;
use super::error_page::ErrorPage;
use super::redirect_target::RedirectTarget;
use super::resource_owner::{OwnerStatus, ResourceOwner};
use crate::keys::RelayKey;
use crate::state::Relay;
use crate::web::{Site, private_page};

/// Signs an authorization request for the hidden field.
pub(super) fn sign_request(key: &RelayKey, owner: &ResourceOwner, authorization: &AuthorizationRequest) -> String {
    let content = serde_json::to_vec(authorization).expect("strings and a time can be written as JSON");
    key.sign_consent(&owner.id, &content)
}

/// Returns the authorization request in the hidden field, if the page was shown to this person and has not expired.
pub(super) fn verify_request(
    key: &RelayKey,
    owner: &ResourceOwner,
    field: &str,
    now: Timestamp,
) -> Option<AuthorizationRequest> {
    let content = key.verify_consent(&owner.id, field)?;
    let authorization: AuthorizationRequest = serde_json::from_slice(&content).ok()?;
    (now < authorization.expires_at).then_some(authorization)
}

#[derive(Debug, Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    site: Site,
    client_name: &'a str,
    metadata_host: Option<&'a str>,
    redirect_target: &'a RedirectTarget,
    /// Days after which an unused connection ends.
    offline_days: u64,
    owner_status: &'a OwnerStatus,
    problem: Option<&'a str>,
    /// The signed authorization request.
    request: &'a str,
}

/// Builds the page. `problem` says what was wrong with the previous submission.
pub(super) fn page(
    relay: &Relay,
    status: StatusCode,
    authorization: &AuthorizationRequest,
    owner_status: &OwnerStatus,
    signed_request: &str,
    problem: Option<&str>,
) -> Response {
    let Some(redirect_target) = RedirectTarget::parse(&authorization.redirect_uri) else {
        let text = "The link would send you to an address that browsers cannot open (redirect_uri).";
        return ErrorPage::invalid_link(relay, text).response(StatusCode::BAD_REQUEST);
    };
    let page = ConsentPage {
        site: Site::of(&relay.config),
        client_name: &authorization.client_name,
        metadata_host: authorization.metadata_host.as_deref(),
        redirect_target: &redirect_target,
        offline_days: relay.config.refresh_token_seconds.div_ceil(24 * 60 * 60),
        owner_status,
        problem,
        request: signed_request,
    };
    private_page(status, &page, &redirect_target.form_action())
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;

    use super::{AuthorizationRequest, ResourceOwner, sign_request, verify_request};
    use crate::keys::RelayKey;

    #[test]
    fn a_signed_request_is_valid_for_its_owner_until_it_expires() {
        let request = AuthorizationRequest {
            client_id: "c1".into(),
            client_name: "An app".into(),
            metadata_host: None,
            redirect_uri: "https://app.example/cb".into(),
            state: Some("s".into()),
            code_challenge: "x".into(),
            scope: "multiplayer".into(),
            resource: "https://relay.example/mcp".into(),
            expires_at: Timestamp::from_millis(1_000),
        };
        let key = RelayKey::new(&[1; 32]);
        let [alice, bob] = ["alice", "bob"].map(|id| ResourceOwner { id: id.to_owned() });
        let field = sign_request(&key, &alice, &request);
        assert_eq!(verify_request(&key, &alice, &field, Timestamp::from_millis(999)), Some(request));
        assert_eq!(verify_request(&key, &alice, &field, Timestamp::from_millis(1_000)), None);
        assert_eq!(verify_request(&key, &bob, &field, Timestamp::from_millis(0)), None);
    }
}
