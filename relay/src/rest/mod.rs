//! The REST front door: the operations, each at a path of its name.
//!
//! `POST /<operation>` takes the arguments as a JSON object; operations that only read take them in the
//! query of a `GET`, too. Nothing is decided here: what an argument may be is said by `protocol`, what
//! the operation does by [`Caller`].

mod arguments;
mod description;
mod examples;

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use mcp_multiplayer_protocol::{Error, Multiplayer as _, Reply, Request as Operation};

use crate::auth::Principal;
use crate::operation::Caller;
use crate::problem::{problem, status};
use crate::state::Relay;

/// Operations that only read, and so are answered to `GET`.
const READS: &[&str] = &["health_check", "sync_messages", "get_channel_info", "get_bot_code", "list_channels"];
/// Paths that an operation has beside that of its name.
const ALIASES: &[(&str, &str)] = &[("who", "get_channel_info")];

/// Each path, without the slash, and the operation behind it.
fn paths() -> impl Iterator<Item = (&'static str, &'static str)> {
    Operation::NAMES.iter().map(|name| (*name, *name)).chain(ALIASES.iter().copied())
}

/// Its routes, behind authentication.
pub(crate) fn router(relay: &Arc<Relay>) -> Router {
    let routes = paths().fold(Router::new(), |router, (path, name)| router.route(&format!("/{path}"), route(name)));
    routes.method_not_allowed_fallback(method_not_allowed).with_state(Arc::clone(relay))
}

/// What the door takes and answers, as `OpenAPI` 3.1 says it; for everybody.
pub(crate) fn description(relay: &Arc<Relay>) -> Router {
    let document = Arc::new(description::document(&relay.config));
    let answer = get(async move || Json(Arc::clone(&document)));
    Router::new().route("/openapi.json", answer).method_not_allowed_fallback(method_not_allowed)
}

fn route(name: &'static str) -> MethodRouter<Arc<Relay>> {
    let by_body = post(move |State(relay), Extension(principal), request| perform(relay, principal, name, request));
    if READS.contains(&name) {
        by_body.get(move |State(relay), Extension(principal), request| perform(relay, principal, name, request))
    } else {
        by_body
    }
}

/// Performs an operation whose arguments are in the request.
async fn perform(relay: Arc<Relay>, principal: Principal, name: &'static str, request: Request) -> Response {
    let read = if request.method() == Method::POST {
        arguments::from_body(name, request, relay.config.request_bytes).await
    } else {
        arguments::from_query(name, request.uri().query()).map_err(|error| (status(&error), error))
    };
    let result = match read {
        Ok(operation) => Caller::new(relay, principal).perform(operation).await,
        Err((status, error)) => return problem(status, &error),
    };
    match result {
        Ok(reply) => answer(reply),
        Err(error) => problem(status(&error), &error),
    }
}

/// The operation's result, byte for byte. It may hold secrets, which no cache may keep.
fn answer(reply: Reply) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, String::from(Box::<str>::from(reply))).into_response()
}

/// `405`; the router adds `Allow`.
async fn method_not_allowed() -> Response {
    let error = Error::invalid(
        "This path does not take that method.",
        "The header 'Allow' names those that it takes; /openapi.json describes them.",
    );
    problem(StatusCode::METHOD_NOT_ALLOWED, &error)
}

#[cfg(test)]
mod tests {
    use super::{ALIASES, Operation, READS};

    #[test]
    fn what_is_named_here_exists() {
        for name in READS.iter().chain(ALIASES.iter().map(|(_, name)| name)) {
            assert!(Operation::NAMES.contains(name), "{name}");
        }
    }
}
