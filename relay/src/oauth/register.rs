//! The registration endpoint: dynamic client registration (RFC 7591). A registered client has an id, perhaps a secret,
//! and no access to anything yet.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use mcp_multiplayer_protocol::ChannelId;
use serde::{Deserialize, Serialize};

use super::client::{UNNAMED, displayable_name};
use super::client_authentication::ClientAuthMethod;
use super::grant_type::GrantType;
use super::redirect_uri;
use super::registration_error::RegistrationError;
use super::scope::Scope;
use super::server::AuthorizationServer;
use crate::auth::token_hash;
use crate::config::Access;
use crate::net::client_address;
use crate::store::RegisteredClient;
use crate::telemetry::SECURITY;

/// Maximum size of a request.
const MAX_BYTES: usize = 32 * 1024;
/// Maximum number of redirect URIs of one client.
const MAX_REDIRECT_URIS: usize = 32;

/// The endpoint's routes.
pub(super) fn router() -> Router<Arc<AuthorizationServer>> {
    Router::new().route("/register", post(handle)).route("/oauth/register", post(handle))
}

async fn handle(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    match register(&server, request).await {
        Ok(registered) => {
            let mut response = (StatusCode::CREATED, Json(registered)).into_response();
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn register(server: &AuthorizationServer, request: Request) -> Result<RegistrationResponse, RegistrationError> {
    let requester = client_address(request.extensions());
    let bytes = to_bytes(request.into_body(), MAX_BYTES).await.map_err(|_| RegistrationError::too_large(MAX_BYTES))?;
    let request: RegistrationRequest = serde_json::from_slice(&bytes).map_err(|error| {
        RegistrationError::invalid_client_metadata(format!(
            "The body must be a JSON object with client metadata: {error}."
        ))
    })?;
    let metadata = request.validate(server.config.access())?;
    server.registrations.take(requester).map_err(|seconds| {
        server.quotas.log_limit_of_address("registrations_per_hour", requester);
        RegistrationError::too_many_requests(seconds)
    })?;

    let client_id = format!("client_{}", ChannelId::encode_base32(&server.random.bytes::<15>()));
    let client_secret = metadata
        .token_endpoint_auth_method
        .is_confidential()
        .then(|| format!("mms_{}", ChannelId::encode_base32(&server.random.bytes::<30>())));
    let now = server.clock.now();
    let client = RegisteredClient {
        id: client_id.clone(),
        name: metadata.client_name.clone(),
        redirect_uris: metadata.redirect_uris.clone(),
        secret_hash: client_secret.as_deref().map(token_hash),
        registered_at: now,
    };
    server.store.insert_client(client).await?;
    tracing::info!(
        target: SECURITY,
        {
            security.event = "client_registered",
            oauth.client_id = client_id,
            oauth.client_name = metadata.client_name,
            confidential = client_secret.is_some(),
            client.address = requester.map(tracing::field::display),
        },
        "client registered"
    );
    Ok(RegistrationResponse {
        client_id,
        client_id_issued_at: now.as_millis() / 1_000,
        client_secret_expires_at: client_secret.is_some().then_some(0),
        client_secret,
        metadata,
    })
}

/// A registration request (RFC 7591, section 2). Unsupported members are ignored.
#[derive(Deserialize)]
struct RegistrationRequest {
    client_name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    scope: Option<String>,
}

/// The metadata that a client is registered with.
#[derive(Serialize)]
struct RegisteredMetadata {
    client_name: String,
    redirect_uris: Vec<String>,
    grant_types: Vec<GrantType>,
    response_types: Vec<ResponseType>,
    token_endpoint_auth_method: ClientAuthMethod,
    scope: Scope,
}

/// A registration response (RFC 7591, section 3.2.1).
#[derive(Serialize)]
struct RegistrationResponse {
    client_id: String,
    /// Seconds since 1970.
    client_id_issued_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Present if there is a secret; 0 means that it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u64>,
    #[serde(flatten)]
    metadata: RegisteredMetadata,
}

/// The one response type that the relay supports (RFC 6749, section 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ResponseType {
    Code,
}

impl RegistrationRequest {
    fn validate(self, access: Access) -> Result<RegisteredMetadata, RegistrationError> {
        let auth_method = auth_method(self.token_endpoint_auth_method.as_deref())?;
        let redirect_uris = self.redirect_uris.unwrap_or_default();
        if redirect_uris.len() > MAX_REDIRECT_URIS {
            let description = format!("A client can have at most {MAX_REDIRECT_URIS} redirect_uris.");
            return Err(RegistrationError::invalid_redirect_uri(description));
        }
        for uri in &redirect_uris {
            redirect_uri::check(uri).map_err(|requirement| {
                RegistrationError::invalid_redirect_uri(format!(
                    "A redirect URI is not allowed: {requirement}. It is: {uri}"
                ))
            })?;
        }
        let may_use_client_credentials =
            auth_method.is_confidential() && GrantType::supported(access).contains(&GrantType::ClientCredentials);
        let grant_types =
            grant_types(self.grant_types.as_deref(), may_use_client_credentials, !redirect_uris.is_empty())?;
        let uses_codes = grant_types.contains(&GrantType::AuthorizationCode);
        if uses_codes && redirect_uris.is_empty() {
            let description = "A client that uses the authorization_code grant needs redirect_uris.";
            return Err(RegistrationError::invalid_redirect_uri(description));
        }
        if uses_codes && self.response_types.is_some_and(|types| !types.iter().any(|name| name == "code")) {
            return Err(RegistrationError::invalid_client_metadata("response_types must contain code."));
        }
        Ok(RegisteredMetadata {
            client_name: self
                .client_name
                .and_then(|name| displayable_name(&name))
                .unwrap_or_else(|| UNNAMED.to_owned()),
            redirect_uris,
            grant_types,
            response_types: if uses_codes { vec![ResponseType::Code] } else { vec![] },
            token_endpoint_auth_method: auth_method,
            scope: Scope::requested(self.scope.as_deref()),
        })
    }
}

fn auth_method(requested: Option<&str>) -> Result<ClientAuthMethod, RegistrationError> {
    match requested {
        // The default of RFC 7591, section 2.
        None | Some("client_secret_basic") => Ok(ClientAuthMethod::ClientSecretBasic),
        Some("client_secret_post") => Ok(ClientAuthMethod::ClientSecretPost),
        Some("none") => Ok(ClientAuthMethod::None),
        Some(_) => Err(RegistrationError::invalid_client_metadata(
            "token_endpoint_auth_method must be none, client_secret_basic or client_secret_post.",
        )),
    }
}

/// Returns the grant types of a client: the supported ones among those that it requests, or else a suitable default.
fn grant_types(
    requested: Option<&[String]>,
    may_use_client_credentials: bool,
    has_redirect_uris: bool,
) -> Result<Vec<GrantType>, RegistrationError> {
    let Some(requested) = requested else {
        let mut types = vec![];
        if has_redirect_uris || !may_use_client_credentials {
            types.extend([GrantType::AuthorizationCode, GrantType::RefreshToken]);
        }
        if may_use_client_credentials {
            types.push(GrantType::ClientCredentials);
        }
        return Ok(types);
    };
    let is_requested = |grant_type: GrantType| requested.iter().any(|name| GrantType::parse(name) == Some(grant_type));
    let types: Vec<_> = GrantType::supported(Access::Open)
        .iter()
        .copied()
        .filter(|grant_type| is_requested(*grant_type))
        .filter(|grant_type| *grant_type != GrantType::ClientCredentials || may_use_client_credentials)
        .collect();
    // A refresh token comes only with another grant.
    if types.iter().any(|grant_type| *grant_type != GrantType::RefreshToken) {
        return Ok(types);
    }
    Err(RegistrationError::invalid_client_metadata(if is_requested(GrantType::ClientCredentials) {
        "client_credentials is available only to clients with a secret, on a relay with open access."
    } else {
        "grant_types must contain authorization_code, urn:ietf:params:oauth:grant-type:device_code or, on a relay with open access, client_credentials."
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{RegisteredMetadata, RegistrationRequest};
    use crate::config::Access;

    fn validate(access: Access, request: Value) -> Result<RegisteredMetadata, Value> {
        let request: RegistrationRequest = serde_json::from_value(request).unwrap();
        request.validate(access).map_err(|error| json!(error.code()))
    }

    #[test]
    fn clients_get_what_they_request() {
        let request =
            json!({ "client_name": "A\u{202e} game", "redirect_uris": ["http://localhost/callback"], "x": {} });
        let metadata = json!(validate(Access::Open, request).unwrap());
        assert_eq!(
            metadata,
            json!({
                "client_name": "A game",
                "redirect_uris": ["http://localhost/callback"],
                "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "client_secret_basic",
                "scope": "multiplayer offline_access",
            })
        );

        let request = json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code", "token"], "scope": "multiplayer" });
        let metadata = json!(validate(Access::Invite, request).unwrap());
        assert_eq!(
            metadata,
            json!({
                "client_name": "Unnamed client",
                "redirect_uris": ["https://app.example/cb"],
                "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "scope": "multiplayer",
            })
        );
    }

    #[test]
    fn client_credentials_need_no_redirect_uri() {
        for request in [json!({ "grant_types": ["client_credentials"] }), json!({})] {
            let metadata = json!(validate(Access::Open, request.clone()).unwrap());
            assert_eq!(metadata["grant_types"], json!(["client_credentials"]));
            assert_eq!(metadata["response_types"], json!([]));
            assert!(validate(Access::Invite, request).is_err());
        }
    }

    #[test]
    fn devices_need_no_redirect_uri() {
        let request = json!({ "token_endpoint_auth_method": "none",
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"] });
        let metadata = json!(validate(Access::Invite, request).unwrap());
        assert_eq!(metadata["grant_types"], json!(["refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]));
        assert_eq!(metadata["response_types"], json!([]));
    }

    #[test]
    fn invalid_requests_are_rejected() {
        let uris = json!(["https://app.example/cb"]);
        for (request, error) in [
            (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri"),
            (json!({ "redirect_uris": ["https://app.example/cb", "http://app.example/cb"] }), "invalid_redirect_uri"),
            (json!({ "redirect_uris": vec!["https://app.example/cb"; 33] }), "invalid_redirect_uri"),
            (json!({ "grant_types": ["authorization_code"] }), "invalid_redirect_uri"),
            (json!({ "token_endpoint_auth_method": "none" }), "invalid_redirect_uri"),
            (json!({ "redirect_uris": uris, "grant_types": ["implicit"] }), "invalid_client_metadata"),
            (json!({ "redirect_uris": uris, "grant_types": [] }), "invalid_client_metadata"),
            (json!({ "redirect_uris": uris, "grant_types": ["refresh_token"] }), "invalid_client_metadata"),
            (json!({ "redirect_uris": uris, "response_types": ["token"] }), "invalid_client_metadata"),
            (
                json!({ "redirect_uris": uris, "token_endpoint_auth_method": "private_key_jwt" }),
                "invalid_client_metadata",
            ),
            (
                json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none" }),
                "invalid_client_metadata",
            ),
        ] {
            assert_eq!(validate(Access::Open, request.clone()).err(), Some(json!(error)), "{request}");
        }
    }
}
