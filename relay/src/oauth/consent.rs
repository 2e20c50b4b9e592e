//! The page that asks: may this program use the relay as you?
//!
//! It works without JavaScript and without a session: what is asked travels in a hidden field, signed and bound to the
//! visitor's cookie, so that no other page can have it sent (RFC 6749, section 10.12), nor another visitor's be used.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use mcp_multiplayer_protocol::Timestamp;

use super::destination::Destination;
use super::notice::Notice;
use super::person::Visitor;
use super::request::Asked;
use crate::keys::RelayKey;
use crate::state::Relay;
use crate::web::{Site, private_page};

/// Who the visitor is, as the page has to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Anyone may in.
    Anyone,
    /// Invited, by the name that the operator wrote down.
    As(String),
    /// To be found out by an access code.
    Unknown,
}

/// Signs a request for the hidden field of the page.
pub(super) fn sign(key: &RelayKey, visitor: &Visitor, asked: &Asked) -> String {
    let content = serde_json::to_vec(asked).expect("texts and a time are plain JSON");
    key.sign_consent(&visitor.id, &content)
}

/// The request in the hidden field, if the page was shown to this visitor and is not stale.
pub(super) fn open(key: &RelayKey, visitor: &Visitor, field: &str, now: Timestamp) -> Option<Asked> {
    let content = key.open_consent(&visitor.id, field)?;
    let asked: Asked = serde_json::from_slice(&content).ok()?;
    (now < asked.expires_at).then_some(asked)
}

#[derive(Debug, Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    site: Site,
    name: &'a str,
    document_host: Option<&'a str>,
    destination: &'a Destination,
    /// Days that the program stays connected unused.
    offline_days: u64,
    known: &'a Known,
    problem: Option<&'a str>,
    request: &'a str,
}

/// The page, with its problem if the last answer had one.
pub(super) fn page(
    relay: &Relay,
    status: StatusCode,
    asked: &Asked,
    known: &Known,
    field: &str,
    problem: Option<&str>,
) -> Response {
    let Some(destination) = Destination::of(&asked.redirect_uri) else {
        let text = "It would send you to a place that browsers do not understand (redirect_uri).";
        return Notice::broken_link(relay, text.to_owned()).page(StatusCode::BAD_REQUEST);
    };
    let offline_days = relay.config.refresh_token_seconds.div_ceil(24 * 60 * 60);
    let consent = Consent {
        site: Site::of(&relay.config),
        name: &asked.client_name,
        document_host: asked.document_host.as_deref(),
        destination: &destination,
        offline_days,
        known,
        problem,
        request: field,
    };
    private_page(status, &consent, &destination.form_action())
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;

    use super::{Visitor, open, sign};
    use crate::keys::RelayKey;
    use crate::oauth::request::Asked;

    #[test]
    fn the_field_opens_for_its_visitor_for_a_while() {
        let asked = Asked {
            client_id: "c1".into(),
            client_name: "An app".into(),
            document_host: None,
            redirect_uri: "https://app.example/cb".into(),
            state: Some("s".into()),
            challenge: "x".into(),
            scope: "multiplayer".into(),
            resource: "https://relay.example/mcp".into(),
            expires_at: Timestamp::from_millis(1_000),
        };
        let key = RelayKey::new(&[1; 32]);
        let [alice, bob] = ["alice", "bob"].map(|id| Visitor { id: id.to_owned() });
        let field = sign(&key, &alice, &asked);
        assert_eq!(open(&key, &alice, &field, Timestamp::from_millis(999)), Some(asked));
        assert_eq!(open(&key, &alice, &field, Timestamp::from_millis(1_000)), None);
        assert_eq!(open(&key, &bob, &field, Timestamp::from_millis(0)), None);
    }
}
