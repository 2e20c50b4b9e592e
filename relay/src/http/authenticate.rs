//! Who calls: `Authorization: Bearer …` (RFC 6750, section 2.1). A token in a URL is not taken.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use mcp_multiplayer_protocol::{Error, ErrorCode};

use super::problem::{problem, status};
use crate::auth::Principal;
use crate::state::Relay;

/// Lets a request with a valid token pass, with its [`Principal`] among the extensions.
pub(super) async fn bearer(State(relay): State<Arc<Relay>>, mut request: Request, next: Next) -> Response {
    match principal(&relay, request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            // What lies behind may log headers; the token has done its work.
            request.headers_mut().remove(AUTHORIZATION);
            next.run(request).await
        }
        Err((error, challenge)) => {
            let mut response = problem(status(&error), &error);
            if error.code == ErrorCode::Unauthenticated {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            response
        }
    }
}

async fn principal(relay: &Relay, headers: &HeaderMap) -> Result<Principal, (Error, &'static str)> {
    let Some(token) = token(headers) else {
        let error = Error::new(
            ErrorCode::Unauthenticated,
            "This relay answers only callers with a token.",
            "Send 'Authorization: Bearer …' with the token in the relay's local-token file, or one from 'mcp-multiplayer-relay token create --name NAME'.",
        );
        return Err((error, "Bearer realm=\"mcp-multiplayer\""));
    };
    let authenticated = relay.tokens.authenticate(token).await;
    authenticated.map_err(|error| (error, "Bearer realm=\"mcp-multiplayer\", error=\"invalid_token\""))
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
