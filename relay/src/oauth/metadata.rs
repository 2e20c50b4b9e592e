//! Metadata of the relay as an authorization server (RFC 8414) and as a protected resource (RFC 9728).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use mcp_multiplayer_protocol::Error;
use serde_json::{Value, json};

use super::client_authentication::ClientAuthMethod;
use super::grant_type::GrantType;
use super::scope;
use super::server::AuthorizationServer;
use crate::config::{Access, Config};
use crate::problem::problem;
use crate::web::Site;

/// Routes of the well-known paths, including the variants that clients try for a server at `/mcp`.
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

/// Returns the issuer identifier: the public URL without a trailing slash.
pub(super) fn issuer(config: &Config) -> &str {
    config.public_url.trim_end_matches('/')
}

async fn authorization_server(State(server): State<Arc<AuthorizationServer>>) -> Response {
    match server_metadata(&server.config) {
        Some(metadata) => document(&metadata),
        None => no_oauth(),
    }
}

async fn authorization_server_at(State(server): State<Arc<AuthorizationServer>>, Path(path): Path<String>) -> Response {
    match server_metadata(&server.config).filter(|_| resource_at(&server.config, &path).is_some()) {
        Some(metadata) => document(&metadata),
        None if server.config.access() == Access::Closed => no_oauth(),
        None => no_such_resource(),
    }
}

async fn protected_resource(State(server): State<Arc<AuthorizationServer>>) -> Response {
    document(&resource_metadata(&server.config, issuer(&server.config)))
}

async fn protected_resource_at(State(server): State<Arc<AuthorizationServer>>, Path(path): Path<String>) -> Response {
    match resource_at(&server.config, &path) {
        Some(resource) => document(&resource_metadata(&server.config, &resource)),
        None => no_such_resource(),
    }
}

/// Returns the resource that a well-known path with this suffix describes. The suffix is the path of the resource's URL
/// (RFC 9728, section 3.1), which starts with the path of the public URL, if it has one.
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

/// Returns the authorization server's metadata; `None` if the relay is closed.
fn server_metadata(config: &Config) -> Option<Value> {
    if config.access() == Access::Closed {
        return None;
    }
    let issuer = issuer(config);
    Some(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "device_authorization_endpoint": format!("{issuer}/device_authorization"),
        "registration_endpoint": format!("{issuer}/register"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "scopes_supported": scope::SUPPORTED,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::supported(config.access()),
        "token_endpoint_auth_methods_supported": ClientAuthMethod::ALL,
        "revocation_endpoint_auth_methods_supported": ClientAuthMethod::ALL,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        // A client that sees this sends the URL of its document instead of registering. A relay on loopback often has no
        // internet access, or the document is on a loopback address, which the relay does not fetch from.
        "client_id_metadata_document_supported": !Site::of(config).is_local,
        "protected_resources": [issuer, format!("{issuer}/mcp")],
        "service_documentation": format!("{issuer}/"),
    }))
}

fn resource_metadata(config: &Config, resource: &str) -> Value {
    let issuer = issuer(config);
    let mut metadata = json!({
        "resource": resource,
        "scopes_supported": scope::SUPPORTED,
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
    // Cached only briefly, because it changes with the operator's settings.
    ([(CACHE_CONTROL, "public, max-age=300")], Json(metadata)).into_response()
}

/// The response of a closed relay, which has no authorization server.
pub(super) fn no_oauth() -> Response {
    let error = Error::invalid(
        "This relay does not offer OAuth.",
        "Ask its operator for a token (mcp-multiplayer-relay token create --name NAME) and send it as 'Authorization: Bearer …'.",
    );
    problem(StatusCode::NOT_FOUND, &error)
}

fn no_such_resource() -> Response {
    let error = Error::invalid("This relay has no such resource.", "Use the relay's public URL, or /mcp under it.");
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
    fn supported_grant_types_depend_on_access() {
        let grants = |access| {
            let metadata = server_metadata(&config(access, "https://relay.example.org/"))?;
            assert_eq!(metadata["issuer"], "https://relay.example.org");
            Some(metadata["grant_types_supported"].as_array().unwrap().len())
        };
        assert_eq!((grants(Access::Open), grants(Access::Invite), grants(Access::Closed)), (Some(4), Some(3), None));
        let closed = resource_metadata(&config(Access::Closed, "https://relay.example.org"), "x");
        assert!(closed.get("authorization_servers").is_none());
    }

    #[test]
    fn metadata_documents_are_advertised_only_where_they_can_be_fetched() {
        for (public_url, advertised) in [
            ("https://relay.example.org", true),
            ("http://127.0.0.1:8100", false),
            ("http://localhost:8100", false),
            ("http://[::1]:8100", false),
        ] {
            let metadata = server_metadata(&config(Access::Open, public_url)).unwrap();
            assert_eq!(metadata["client_id_metadata_document_supported"], advertised, "{public_url}");
        }
    }

    #[test]
    fn well_known_suffixes_name_resources() {
        let plain = config(Access::Open, "https://relay.example.org");
        assert_eq!(resource_at(&plain, "mcp").as_deref(), Some("https://relay.example.org/mcp"));
        assert_eq!(resource_at(&plain, "ws"), None);
        let deep = config(Access::Open, "https://example.org/relay/");
        assert_eq!(resource_at(&deep, "relay").as_deref(), Some("https://example.org/relay"));
        assert_eq!(resource_at(&deep, "relay/mcp").as_deref(), Some("https://example.org/relay/mcp"));
        assert_eq!(resource_at(&deep, "mcp").as_deref(), Some("https://example.org/relay/mcp"));
        assert_eq!(resource_at(&deep, "other"), None);
    }
}
