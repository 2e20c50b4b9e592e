//! Discovery of a relay's authorization server: the metadata of the protected resource (RFC 9728), then that of the server
//! (RFC 8414).

use hyper::StatusCode;
use oauth2::{AuthUrl, ClientId, EndpointSet, TokenUrl};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::LoginError;
use super::http_client::HttpClient;
use super::token_response::TokenClient;
use crate::RelayUrl;

/// OAuth client with the endpoints for authorization and tokens.
type OAuthClient = TokenClient<EndpointSet, EndpointSet>;

/// Metadata of the authorization server.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AuthorizationServer {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) registration_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) revocation_endpoint: Option<String>,
    /// Set if responses in the browser name the server (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Metadata of the protected resource.
#[derive(Deserialize)]
struct ProtectedResource {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
}

impl AuthorizationServer {
    /// Discovers the authorization server of a relay.
    ///
    /// It must be the relay itself, and all endpoints must be under its address. A relay that names another server could
    /// otherwise get hold of logins at that server.
    pub(super) async fn discover(http: &HttpClient) -> Result<Self, LoginError> {
        let relay = http.relay().base();
        let is_own = |url: &str| url.parse::<RelayUrl>().is_ok_and(|url| url.base() == relay);
        let resource: ProtectedResource = fetch(http, "oauth-protected-resource").await?;
        if !is_own(&resource.resource) {
            return Err(LoginError::OtherAddress { given: relay, own: resource.resource });
        }
        let Some(issuer) = resource.authorization_servers.into_iter().find(|server| is_own(server)) else {
            return Err(LoginError::NotOffered(relay));
        };
        let server: Self = fetch(http, "oauth-authorization-server").await?;
        if server.issuer != issuer {
            return Err(http.invalid("its OAuth metadata names another issuer"));
        }
        let is_below = |endpoint: &String| {
            endpoint.strip_prefix(&*issuer).is_some_and(|path| path.starts_with('/'))
                && AuthUrl::new(endpoint.clone()).is_ok()
        };
        let optional =
            [&server.registration_endpoint, &server.device_authorization_endpoint, &server.revocation_endpoint];
        let endpoints = [&server.authorization_endpoint, &server.token_endpoint];
        if !optional.into_iter().flatten().chain(endpoints).all(is_below) {
            return Err(http.invalid("its OAuth metadata names endpoints of another server"));
        }
        Ok(server)
    }

    /// Returns the OAuth client of this program, with its id.
    pub(super) fn client(&self, client_id: &str) -> OAuthClient {
        let checked = "discovery has parsed the endpoints";
        TokenClient::new(ClientId::new(client_id.to_owned()))
            .set_auth_uri(AuthUrl::new(self.authorization_endpoint.clone()).expect(checked))
            .set_token_uri(TokenUrl::new(self.token_endpoint.clone()).expect(checked))
    }
}

/// Fetches a well-known document. The name comes before the path of the relay's address (RFC 8414, section 3), but a proxy
/// may pass on only what is below that path.
async fn fetch<T: DeserializeOwned>(http: &HttpClient, name: &str) -> Result<T, LoginError> {
    let base = http.relay().base();
    let path = http.relay().base_path();
    let origin = base.strip_suffix(path).unwrap_or(&base);
    let mut urls = vec![format!("{origin}/.well-known/{name}{path}")];
    if !path.is_empty() {
        urls.push(format!("{base}/.well-known/{name}"));
    }
    for url in urls {
        let response = http.get(&url).await?;
        match response.status() {
            StatusCode::OK => {
                let document = serde_json::from_slice(response.body());
                return document.map_err(|_| http.invalid("its OAuth metadata is incomplete"));
            }
            StatusCode::NOT_FOUND => {}
            status => return Err(http.invalid(format!("its OAuth metadata is missing (HTTP {})", status.as_u16()))),
        }
    }
    Err(LoginError::NotOffered(base))
}
