//! What the relay says of itself as an authorization server (RFC 8414) and as a resource server (RFC 9728).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use mcp_multiplayer_protocol::Error;
use serde_json::{Value, json};

use super::scope;
use super::server::AuthorizationServer;
use crate::config::{Access, Config};
use crate::problem::problem;

/// The well-known paths, and the forms in which clients look for those of a server at `/mcp`.
pub(super) fn router() -> Router<Arc<AuthorizationServer>> {
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(authorization_server))
        .route("/.well-known/oauth-authorization-server/{*path}", get(authorization_server_at))
        .route("/.well-known/openid-configuration", get(authorization_server))
        .route("/.well-known/openid-configuration/{*path}", get(authorization_server_at))
        .route("/mcp/.well-known/openid-configuration", get(authorization_server))
        .route("/.well-known/oauth-protected-resource", get(protected_resource))
        .route("/.well-known/oauth-protected-resource/{*path}", get(protected_resource_at))
}

/// The issuer's identifier: the public URL without a slash at its end.
pub(super) fn issuer(config: &Config) -> &str {
    config.public_url.trim_end_matches('/')
}

async fn authorization_server(State(server): State<Arc<AuthorizationServer>>) -> Response {
    match server_metadata(&server.config) {
        Some(metadata) => document(&metadata),
        None => absent(),
    }
}

async fn authorization_server_at(State(server): State<Arc<AuthorizationServer>>, Path(path): Path<String>) -> Response {
    match server_metadata(&server.config).filter(|_| resource_at(&server.config, &path).is_some()) {
        Some(metadata) => document(&metadata),
        None if server.config.access() == Access::Closed => absent(),
        None => nothing_here(),
    }
}

async fn protected_resource(State(server): State<Arc<AuthorizationServer>>) -> Response {
    document(&resource_metadata(&server.config, issuer(&server.config)))
}

async fn protected_resource_at(State(server): State<Arc<AuthorizationServer>>, Path(path): Path<String>) -> Response {
    match resource_at(&server.config, &path) {
        Some(resource) => document(&resource_metadata(&server.config, &resource)),
        None => nothing_here(),
    }
}

/// The resource that a well-known path with this suffix is about. A public URL's own path stands before its parts
/// (RFC 9728, section 3.1).
fn resource_at(config: &Config, suffix: &str) -> Option<String> {
    let issuer = issuer(config);
    let uri: Uri = issuer.parse().ok()?;
    let base = uri.path().trim_matches('/');
    let suffix = suffix.trim_matches('/');
    if suffix == "mcp" || suffix == format!("{base}/mcp") {
        return Some(format!("{issuer}/mcp"));
    }
    (suffix == base).then(|| issuer.to_owned())
}

/// The authorization server; `None` if nobody may in by it.
fn server_metadata(config: &Config) -> Option<Value> {
    let grants = match config.access() {
        Access::Open => vec!["authorization_code", "refresh_token", "client_credentials"],
        Access::Invite => vec!["authorization_code", "refresh_token"],
        Access::Closed => return None,
    };
    let issuer = issuer(config);
    let methods = ["none", "client_secret_basic", "client_secret_post"];
    Some(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "scopes_supported": scope::OFFERED,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "protected_resources": [issuer, format!("{issuer}/mcp")],
        "service_documentation": format!("{issuer}/"),
    }))
}

fn resource_metadata(config: &Config, resource: &str) -> Value {
    let issuer = issuer(config);
    let mut metadata = json!({
        "resource": resource,
        "scopes_supported": scope::OFFERED,
        "bearer_methods_supported": ["header"],
        "resource_name": "mcp-multiplayer",
        "resource_documentation": format!("{issuer}/"),
    });
    if config.access() != Access::Closed {
        metadata["authorization_servers"] = json!([issuer]);
    }
    metadata
}

fn document(metadata: &Value) -> Response {
    // Not for long: it changes with the operator's settings.
    ([(CACHE_CONTROL, "public, max-age=300")], Json(metadata)).into_response()
}

/// What is answered in place of an authorization server where there is none.
pub(super) fn absent() -> Response {
    let error = Error::invalid(
        "This relay lets nobody in by OAuth.",
        "Ask its operator for a token (mcp-multiplayer-relay token create --name NAME) and send it as 'Authorization: Bearer …'.",
    );
    problem(StatusCode::NOT_FOUND, &error)
}

fn nothing_here() -> Response {
    let error = Error::invalid(
        "There is no such resource here.",
        "The resources are the relay's public URL and /mcp under it.",
    );
    problem(StatusCode::NOT_FOUND, &error)
}

#[cfg(test)]
mod tests {
    use super::{resource_at, resource_metadata, server_metadata};
    use crate::config::{Access, Config};

    fn config(access: Access, public_url: &str) -> Config {
        Config { access: Some(access), public_url: public_url.into(), ..Config::default() }
    }

    #[test]
    fn what_is_offered_depends_on_who_may_in() {
        let grants = |access| {
            let metadata = server_metadata(&config(access, "https://relay.example.org/"))?;
            assert_eq!(metadata["issuer"], "https://relay.example.org");
            Some(metadata["grant_types_supported"].as_array().unwrap().len())
        };
        assert_eq!((grants(Access::Open), grants(Access::Invite), grants(Access::Closed)), (Some(3), Some(2), None));
        let closed = resource_metadata(&config(Access::Closed, "https://relay.example.org"), "x");
        assert!(closed.get("authorization_servers").is_none());
    }

    #[test]
    fn a_suffix_names_a_resource() {
        let plain = config(Access::Open, "https://relay.example.org");
        assert_eq!(resource_at(&plain, "mcp").as_deref(), Some("https://relay.example.org/mcp"));
        assert_eq!(resource_at(&plain, "ws"), None);
        let deep = config(Access::Open, "https://example.org/table/");
        assert_eq!(resource_at(&deep, "table").as_deref(), Some("https://example.org/table"));
        assert_eq!(resource_at(&deep, "table/mcp").as_deref(), Some("https://example.org/table/mcp"));
        assert_eq!(resource_at(&deep, "mcp").as_deref(), Some("https://example.org/table/mcp"));
        assert_eq!(resource_at(&deep, "other"), None);
    }
}
