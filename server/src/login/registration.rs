use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::discovery::AuthorizationServer;
use super::error::LoginError;
use super::http_client::HttpClient;

/// Name that the consent page shows.
const CLIENT_NAME: &str = "mcp-multiplayer";
/// Redirect URI for a browser on this machine. The port is chosen for each login (RFC 8252, section 7.3).
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// Registers this program as a public client (RFC 7591), and returns its client id.
///
/// Each login registers anew: relays delete clients that are not used, and the browser would show an error that the program
/// never learns of.
pub(super) async fn register(http: &HttpClient, server: &AuthorizationServer) -> Result<String, LoginError> {
    #[derive(Deserialize)]
    struct Registered {
        client_id: String,
    }
    let Some(endpoint) = &server.registration_endpoint else {
        return Err(http.invalid("it does not let programs register"));
    };
    let metadata = json!({
        "client_name": CLIENT_NAME,
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let response = http.post(endpoint, "application/json", metadata.to_string()).await?;
    if response.status() != StatusCode::CREATED {
        return Err(refused(http, response.status(), response.body()));
    }
    let registered: Result<Registered, _> = serde_json::from_slice(response.body());
    registered.map(|registered| registered.client_id).map_err(|_| http.invalid("it gave this program no client id"))
}

/// Converts an error response to the error that it describes.
pub(super) fn refused(http: &HttpClient, status: StatusCode, body: &[u8]) -> LoginError {
    #[derive(Deserialize)]
    struct Refusal {
        error_description: String,
    }
    let refusal: Result<Refusal, _> = serde_json::from_slice(body);
    let description = refusal.map_or_else(|_| format!("HTTP {}", status.as_u16()), |refusal| refusal.error_description);
    LoginError::Refused { relay: http.relay().base(), description }
}
