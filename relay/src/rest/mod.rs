//! The REST endpoints: the operations, each at a path of its name.
//!
//! `POST /<operation>` takes the arguments as a JSON object. Operations that only read take them in the query of a `GET`, too.
//! Nothing is decided here: `protocol` defines the arguments, and [`Caller`] performs the operation.

mod arguments;
mod description;
mod examples;
mod receipt;

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use mcp_multiplayer_protocol::{Error, Multiplayer as _, Reply, Request as Operation};

use crate::auth::Credential;
use crate::operation::Caller;
use crate::problem::{problem, status};
use crate::state::Relay;

/// Operations that only read, and so can be called by `GET`.
const READS: &[&str] = &[
    "health_check",
    "sync_messages",
    "get_board",
    "get_channel_info",
    "get_bot_code",
    "list_channels",
    "get_proof",
    "read_log",
];
/// Further paths, and the operation of each.
const ALIASES: &[(&str, &str)] = &[("who", "get_channel_info")];

/// Each path, without the slash, and its operation.
fn paths() -> impl Iterator<Item = (&'static str, &'static str)> {
    Operation::NAMES.iter().map(|name| (*name, *name)).chain(ALIASES.iter().copied())
}

/// The routes of the operations. The caller adds authentication.
pub(crate) fn router(relay: &Arc<Relay>) -> Router {
    let routes = paths().fold(Router::new(), |router, (path, name)| router.route(&format!("/{path}"), route(name)));
    let routes = routes.route("/receipt", get(receipt::serve));
    routes.method_not_allowed_fallback(method_not_allowed).with_state(Arc::clone(relay))
}

/// The route of the `OpenAPI` 3.1 description, which needs no authentication.
pub(crate) fn description(relay: &Arc<Relay>) -> Router {
    let document = Arc::new(description::document(&relay.config));
    let endpoint = get(async move || Json(Arc::clone(&document)));
    Router::new().route("/openapi.json", endpoint).method_not_allowed_fallback(method_not_allowed)
}

fn route(name: &'static str) -> MethodRouter<Arc<Relay>> {
    let by_body = post(move |State(relay), Extension(credential), request| perform(relay, credential, name, request));
    if READS.contains(&name) {
        by_body.get(move |State(relay), Extension(credential), request| perform(relay, credential, name, request))
    } else {
        by_body
    }
}

/// Performs an operation with the arguments in the request.
async fn perform(relay: Arc<Relay>, credential: Credential, name: &'static str, request: Request) -> Response {
    let parsed = if request.method() == Method::POST {
        arguments::from_body(name, request, relay.config.request_bytes).await
    } else {
        let parsed = arguments::from_query(name, request.uri().query()).map_err(|error| (status(&error), error));
        // The operation may wait for long, and the buffer of the request is not needed any more.
        drop(request);
        parsed
    };
    let result = match parsed {
        Ok(operation) => Caller::new(relay, credential).perform(operation).await,
        Err((status, error)) => return problem(status, &error),
    };
    match result {
        Ok(reply) => response(reply),
        Err(error) => problem(status(&error), &error),
    }
}

/// The operation's result, byte for byte. It may contain secrets, which must not be cached.
fn response(reply: Reply) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, String::from(Box::<str>::from(reply))).into_response()
}

/// A `405` response; axum adds `Allow`.
async fn method_not_allowed() -> Response {
    let error = Error::invalid(
        "This path does not support that method.",
        "The header 'Allow' lists the supported methods; /openapi.json describes them.",
    );
    problem(StatusCode::METHOD_NOT_ALLOWED, &error)
}

#[cfg(test)]
mod tests {
    use super::{ALIASES, Operation, READS};

    #[test]
    fn reads_and_aliases_are_operations() {
        for name in READS.iter().chain(ALIASES.iter().map(|(_, name)| name)) {
            assert!(Operation::NAMES.contains(name), "{name}");
        }
    }
}
