//! Authentication by `Authorization: Bearer …` (RFC 6750, section 2.1). A token in a URL is refused.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use mcp_multiplayer_protocol::{Error, ErrorCode};

use crate::auth::Credential;
use crate::config::Access;
use crate::net::client_address;
use crate::problem::{problem, status};
use crate::state::Relay;
use crate::telemetry::SECURITY;
use crate::web;

/// Passes on a request with a valid token, with its [`Credential`] in the extensions. Browsers without one get the front page.
pub(super) async fn bearer(State(relay): State<Arc<Relay>>, mut request: Request, next: Next) -> Response {
    if let Some(page) = web::landing_page(&relay, &request) {
        return page;
    }
    // URLs are logged, remembered and passed on (RFC 9700, section 4.3.2).
    if request.uri().query().is_some_and(contains_token) {
        let address = client_address(request.extensions());
        if let Some(suppressed) = relay.quotas.admit_event("token_in_url", address) {
            let address = address.map(tracing::field::display);
            tracing::warn!(
                target: SECURITY,
                { security.event = "token_in_url", client.address = address, suppressed },
                "a token in a URL was refused"
            );
        }
        let error = Error::invalid(
            "A token in a URL is not accepted.",
            "Send it as 'Authorization: Bearer …', and replace this one: URLs are logged, so others may know it.",
        );
        return refused(&relay, &request, StatusCode::BAD_REQUEST, &error, Some("invalid_request"));
    }
    match authenticate(&relay, client_address(request.extensions()), request.headers()).await {
        Ok(credential) => {
            if let Err(error) = relay.quotas.take_request_of(credential.principal()) {
                return problem(status(&error), &error);
            }
            request.extensions_mut().insert(credential);
            // The token is not needed any more, and could end up in logs with other headers.
            request.headers_mut().remove(AUTHORIZATION);
            let suffix = metadata_suffix(&request);
            let mut response = next.run(request).await;
            if response.status() == StatusCode::UNAUTHORIZED {
                // The token became invalid while the request was being processed.
                add_challenge(&relay, &mut response, suffix, Some("invalid_token"));
            }
            response
        }
        Err((error, code)) => refused(&relay, &request, status(&error), &error, code),
    }
}

/// An error response; if another token would help, with the challenge by which a client gets one (RFC 9728, section 5.1).
fn refused(relay: &Relay, request: &Request, status: StatusCode, error: &Error, code: Option<&str>) -> Response {
    let mut response = problem(status, error);
    if error.code == ErrorCode::Unauthenticated || code.is_some() {
        add_challenge(relay, &mut response, metadata_suffix(request), code);
    }
    response
}

/// End of the path of the metadata for the requested resource.
fn metadata_suffix(request: &Request) -> &'static str {
    if request.uri().path().starts_with("/mcp") { "/mcp" } else { "" }
}

fn add_challenge(relay: &Relay, response: &mut Response, suffix: &str, code: Option<&str>) {
    let base = relay.config.public_url.trim_end_matches('/');
    let mut challenge = format!(
        "Bearer realm=\"mcp-multiplayer\", resource_metadata=\"{base}/.well-known/oauth-protected-resource{suffix}\", scope=\"multiplayer\"",
    );
    if let Some(code) = code {
        challenge = format!("{challenge}, error=\"{code}\"");
    }
    // A public URL that is not valid in a header cannot be reached anyway.
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
}

async fn authenticate(
    relay: &Relay,
    address: Option<IpAddr>,
    headers: &HeaderMap,
) -> Result<Credential, (Error, Option<&'static str>)> {
    let Some(token) = token(headers) else {
        let hint = if relay.config.access() == Access::Closed {
            "Send 'Authorization: Bearer …' with the token in the relay's local-token file, or one from 'mcp-multiplayer-relay token create --name NAME'."
        } else {
            "Sign in by OAuth, as MCP clients do by themselves; or send 'Authorization: Bearer …' with the token in the relay's local-token file, or one from 'mcp-multiplayer-relay token create --name NAME'."
        };
        let error = Error::new(ErrorCode::Unauthenticated, "This relay requires a token.", hint);
        return Err((error, None));
    };
    if let Some(address) = address
        && let Err(error) = relay.quotas.check_invalid_tokens_from(address)
        && !relay.tokens.is_cached(token)
    {
        return Err((error, None));
    }
    let authenticated = relay.tokens.authenticate(token).await;
    if let (Err(error), Some(address)) = (&authenticated, address)
        && error.code == ErrorCode::Unauthenticated
    {
        relay.quotas.add_invalid_token_from(address);
        if let Some(suppressed) = relay.quotas.admit_event("token_refused", Some(address)) {
            tracing::warn!(
                target: SECURITY,
                { security.event = "token_refused", client.address = %address, suppressed },
                "an invalid token was refused"
            );
        }
    }
    authenticated.map_err(|error| {
        let code = (error.code == ErrorCode::Unauthenticated).then_some("invalid_token");
        (error, code)
    })
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn contains_token(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}
