//! Client authentication (RFC 6749, section 2.3): none for public clients, else `Authorization: Basic` or the form.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::client::Client;
use super::form::Form;
use super::server::AuthorizationServer;
use super::token_error::TokenError;
use crate::auth::token_hash;
use crate::net::client_address;
use crate::telemetry::SECURITY;

/// A client's authentication method, spelled as in RFC 7591, section 2 (`token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientAuthMethod {
    /// A public client, which has no secret.
    None,
    ClientSecretBasic,
    ClientSecretPost,
}

impl ClientAuthMethod {
    /// All supported methods.
    pub(super) const ALL: [Self; 3] = [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost];

    /// Returns whether the client has a secret.
    pub(super) fn is_confidential(self) -> bool {
        self != Self::None
    }
}

/// Authenticates the client that sent a request.
pub(super) async fn authenticate_client(
    server: &AuthorizationServer,
    parts: &Parts,
    form: &Form,
) -> Result<Client, TokenError> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else {
        let id = form.get("client_id").ok_or_else(|| TokenError::invalid_client("client_id is missing."))?;
        return verify_client(server, parts, id, form.get("client_secret")).await;
    };
    if form.get("client_secret").is_some() {
        return Err(TokenError::invalid_request(
            "Use one way of client authentication: either the Authorization header or client_secret.",
        ));
    }
    let credentials = header.to_str().ok().and_then(parse_basic);
    let (id, secret) = credentials.ok_or_else(|| {
        let description = "The Authorization header is not valid HTTP Basic authentication (RFC 7617).";
        TokenError::invalid_client(description).with_basic_challenge()
    })?;
    if form.get("client_id").is_some_and(|other| other != id) {
        return Err(TokenError::invalid_request("client_id differs from the one in the Authorization header."));
    }
    let secret = Some(secret.as_str()).filter(|secret| !secret.is_empty());
    verify_client(server, parts, &id, secret).await.map_err(TokenError::with_basic_challenge)
}

/// Returns the client with this id. A confidential client must have sent its secret, a public client none.
async fn verify_client(
    server: &AuthorizationServer,
    parts: &Parts,
    id: &str,
    secret: Option<&str>,
) -> Result<Client, TokenError> {
    let requester = client_address(&parts.extensions);
    let client = server.resolve_client(id, requester).await?;
    let is_authenticated = match (&client.secret_hash, secret) {
        (Some(hash), Some(secret)) => bool::from(hash.as_bytes().ct_eq(token_hash(secret).as_bytes())),
        (None, None) => true,
        _ => false,
    };
    if is_authenticated {
        return Ok(client);
    }
    if let Some(suppressed) = server.quotas.admit_event("client_refused", requester) {
        tracing::warn!(
            target: SECURITY,
            {
                security.event = "client_refused",
                oauth.client_id = client.id,
                client.address = requester.map(tracing::field::display),
                suppressed,
            },
            "client authentication failed"
        );
    }
    Err(TokenError::invalid_client(if client.secret_hash.is_some() {
        "The client secret is missing or wrong."
    } else {
        "This is a public client; send no client secret."
    }))
}

/// Parses Basic credentials into id and secret. Both are form-encoded before they are encoded as in RFC 7617
/// (RFC 6749, section 2.3.1).
fn parse_basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(BASE64.decode(credentials.trim().as_bytes()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((form_decode(id), form_decode(secret)))
}

/// Decodes a single form-encoded value.
fn form_decode(text: &str) -> String {
    // Escaped, because in a single value neither `&` nor `=` separates anything.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(escaped.as_bytes());
    pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::parse_basic;

    #[test]
    fn basic_credentials_are_decoded_twice() {
        for (credentials, id, secret) in [
            ("client_1:mms_2", "client_1", "mms_2"),
            ("a%3Ab:c%20d+e%26=f", "a:b", "c d e&=f"),
            ("https%3A%2F%2Fapp.example%2Fc:", "https://app.example/c", ""),
            ("a:b:c", "a", "b:c"),
        ] {
            let header = format!("bAsIc {}", BASE64.encode(credentials.as_bytes()));
            assert_eq!(parse_basic(&header), Some((id.to_owned(), secret.to_owned())));
        }
        for header in ["Bearer x", "Basic", "Basic !", &format!("Basic {}", BASE64.encode(b"no colon"))] {
            assert_eq!(parse_basic(header), None, "{header}");
        }
    }
}
