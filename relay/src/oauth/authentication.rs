//! How clients prove who they are (RFC 6749, section 2.3): not at all, by `Authorization: Basic`, or in the form.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use data_encoding::BASE64;
use subtle::ConstantTimeEq as _;

use super::client::{KnownClient, find_for};
use super::form::Form;
use super::refusal::Refusal;
use super::server::AuthorizationServer;
use crate::auth::token_hash;
use crate::net::client_address;

/// The client that sent a request.
pub(super) async fn client(server: &AuthorizationServer, parts: &Parts, form: &Form) -> Result<KnownClient, Refusal> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else {
        let id = form.get("client_id").ok_or_else(|| Refusal::invalid_client("The client does not say who it is."))?;
        return proven(server, parts, id, form.get("client_secret")).await;
    };
    if form.get("client_secret").is_some() {
        return Err(Refusal::invalid_request("The client is to prove who it is in one way, not in two."));
    }
    let basic = header.to_str().ok().and_then(basic);
    let (id, secret) =
        basic.ok_or_else(|| Refusal::invalid_client("The Authorization header is not a Basic one.").challenged())?;
    if form.get("client_id").is_some_and(|other| other != id) {
        return Err(Refusal::invalid_request("client_id is another than in the Authorization header."));
    }
    let secret = Some(secret.as_str()).filter(|secret| !secret.is_empty());
    proven(server, parts, &id, secret).await.map_err(Refusal::challenged)
}

async fn proven(
    server: &AuthorizationServer,
    parts: &Parts,
    id: &str,
    secret: Option<&str>,
) -> Result<KnownClient, Refusal> {
    let client = find_for(server, id, client_address(&parts.extensions)).await?;
    let proven = match (&client.secret_hash, secret) {
        (Some(hash), Some(secret)) => bool::from(hash.as_bytes().ct_eq(token_hash(secret).as_bytes())),
        (None, None) => true,
        _ => false,
    };
    if proven { Ok(client) } else { Err(Refusal::invalid_client("The client's secret is missing or wrong.")) }
}

/// Id and secret, which are encoded as in a form before they are as in RFC 7617 (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(BASE64.decode(credentials.trim().as_bytes()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}

fn decoded(text: &str) -> String {
    // A value alone, so that neither `&` nor `=` in it means anything.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(escaped.as_bytes());
    pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::basic;

    #[test]
    fn basic_credentials_are_decoded_twice() {
        for (credentials, id, secret) in [
            ("client_1:mms_2", "client_1", "mms_2"),
            ("a%3Ab:c%20d+e%26=f", "a:b", "c d e&=f"),
            ("https%3A%2F%2Fapp.example%2Fc:", "https://app.example/c", ""),
            ("a:b:c", "a", "b:c"),
        ] {
            let header = format!("bAsIc {}", BASE64.encode(credentials.as_bytes()));
            assert_eq!(basic(&header), Some((id.to_owned(), secret.to_owned())));
        }
        for header in ["Bearer x", "Basic", "Basic !", &format!("Basic {}", BASE64.encode(b"no colon"))] {
            assert_eq!(basic(header), None, "{header}");
        }
    }
}
