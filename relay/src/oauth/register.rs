//! Dynamic registration of clients (RFC 7591). It gives an id, maybe a secret, and never access.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use mcp_multiplayer_protocol::ChannelId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{UNNAMED, shown_name};
use super::redirect;
use super::refusal::Refusal;
use super::scope::Scope;
use super::server::AuthorizationServer;
use crate::auth::token_hash;
use crate::config::Access;
use crate::net::client_address;
use crate::store::oauth::Client;

/// Largest request.
const LARGEST: usize = 32 * 1024;
/// Redirect URIs of one client.
const MOST_URIS: usize = 32;

/// The endpoint, at both of its paths.
pub(super) fn router() -> Router<Arc<AuthorizationServer>> {
    Router::new().route("/register", post(register)).route("/oauth/register", post(register))
}

async fn register(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    match accept(&server, request).await {
        Ok(registered) => {
            let mut response = (StatusCode::CREATED, Json(registered)).into_response();
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn accept(server: &AuthorizationServer, request: Request) -> Result<Value, Refusal> {
    let from = client_address(request.extensions());
    let bytes = to_bytes(request.into_body(), LARGEST).await.map_err(|_| Refusal::too_large(LARGEST))?;
    let asked: Asked = serde_json::from_slice(&bytes)
        .map_err(|error| invalid(format!("The body is not a JSON object that describes a client: {error}.")))?;
    let registration = asked.checked(server.config.access())?;
    server
        .registrations
        .take(from)
        .map_err(|seconds| Refusal::too_many("Too many clients were registered from this address.", seconds))?;

    let id = format!("client_{}", ChannelId::encode_base32(&server.random.bytes::<15>()));
    let secret = registration
        .method
        .is_confidential()
        .then(|| format!("mms_{}", ChannelId::encode_base32(&server.random.bytes::<30>())));
    let now = server.clock.now();
    let client = Client {
        id: id.clone(),
        name: registration.name.clone(),
        redirect_uris: registration.redirect_uris.clone(),
        secret_hash: secret.as_deref().map(token_hash),
        registered_at: now,
    };
    server.store.insert_client(client).await?;
    tracing::info!(oauth.client_id = id, confidential = secret.is_some(), "a client registered");
    let mut registered = json!({
        "client_id": id,
        "client_id_issued_at": now.as_millis() / 1_000,
        "client_name": registration.name,
        "redirect_uris": registration.redirect_uris,
        "grant_types": registration.grant_types,
        "response_types": registration.response_types,
        "token_endpoint_auth_method": registration.method.name(),
        "scope": registration.scope.to_string(),
    });
    if let Some(secret) = secret {
        registered["client_secret"] = json!(secret);
        // It does not end.
        registered["client_secret_expires_at"] = json!(0);
    }
    Ok(registered)
}

fn invalid(description: impl Into<String>) -> Refusal {
    Refusal::new("invalid_client_metadata", description)
}

/// What a client says of itself (RFC 7591, section 2); members that are of no use here are left out.
#[derive(Deserialize)]
struct Asked {
    client_name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    scope: Option<String>,
}

/// A registration that is in order.
struct Registration {
    name: String,
    redirect_uris: Vec<String>,
    grant_types: Vec<&'static str>,
    response_types: Vec<&'static str>,
    method: Method,
    scope: Scope,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    None,
    Basic,
    Post,
}

impl Method {
    fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        match text {
            // The default of RFC 7591, section 2.
            None | Some("client_secret_basic") => Ok(Self::Basic),
            Some("client_secret_post") => Ok(Self::Post),
            Some("none") => Ok(Self::None),
            Some(_) => {
                Err(invalid("token_endpoint_auth_method is to be none, client_secret_basic or client_secret_post."))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }

    fn is_confidential(self) -> bool {
        self != Self::None
    }
}

impl Asked {
    fn checked(self, access: Access) -> Result<Registration, Refusal> {
        let method = Method::parse(self.token_endpoint_auth_method.as_deref())?;
        let redirect_uris = self.redirect_uris.unwrap_or_default();
        if redirect_uris.len() > MOST_URIS {
            return Err(Refusal::new(
                "invalid_redirect_uri",
                format!("A client has at most {MOST_URIS} redirect_uris."),
            ));
        }
        for uri in &redirect_uris {
            redirect::check(uri).map_err(|reason| {
                Refusal::new("invalid_redirect_uri", format!("A redirect URI is refused: {reason}. It was: {uri}"))
            })?;
        }
        let itself = access == Access::Open && method.is_confidential();
        let grant_types = grant_types(self.grant_types.as_deref(), itself, !redirect_uris.is_empty())?;
        let for_people = grant_types.contains(&"authorization_code");
        if for_people && redirect_uris.is_empty() {
            let why = "A client that asks people for access needs redirect_uris.";
            return Err(Refusal::new("invalid_redirect_uri", why));
        }
        if for_people && self.response_types.is_some_and(|types| !types.iter().any(|kind| kind == "code")) {
            return Err(invalid("response_types is to hold code."));
        }
        Ok(Registration {
            name: self.client_name.and_then(|name| shown_name(&name)).unwrap_or_else(|| UNNAMED.to_owned()),
            redirect_uris,
            grant_types,
            response_types: if for_people { vec!["code"] } else { vec![] },
            method,
            scope: Scope::asked(self.scope.as_deref()),
        })
    }
}

/// The grant types that a client gets, of those it asks for; `itself` says whether it may act for itself.
fn grant_types(asked: Option<&[String]>, itself: bool, has_uris: bool) -> Result<Vec<&'static str>, Refusal> {
    let Some(asked) = asked else {
        let people: &[_] = if has_uris || !itself { &["authorization_code", "refresh_token"] } else { &[] };
        let itself: &[_] = if itself { &["client_credentials"] } else { &[] };
        return Ok([people, itself].concat());
    };
    let asks = |kind: &&str| asked.iter().any(|asked| asked == kind);
    let mut types: Vec<_> =
        ["authorization_code", "refresh_token", "client_credentials"].into_iter().filter(asks).collect();
    if !itself {
        types.retain(|kind| *kind != "client_credentials");
    }
    if types.iter().any(|kind| *kind != "refresh_token") {
        return Ok(types);
    }
    Err(invalid(if asks(&"client_credentials") {
        "client_credentials is for clients with a secret, on a relay that anyone may use."
    } else {
        "grant_types is to hold authorization_code, or client_credentials on a relay that anyone may use."
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Asked, Method, Registration};
    use crate::config::Access;

    fn register(access: Access, asked: Value) -> Result<Registration, &'static str> {
        let asked: Asked = serde_json::from_value(asked).unwrap();
        asked.checked(access).map_err(|refusal| refusal.error())
    }

    #[test]
    fn a_client_gets_what_it_asks_for() {
        let asked = json!({ "client_name": "A\u{202e} game", "redirect_uris": ["http://localhost/callback"], "x": {} });
        let client = register(Access::Open, asked).ok().unwrap();
        assert_eq!(client.name, "A game");
        assert_eq!(client.grant_types, ["authorization_code", "refresh_token", "client_credentials"]);
        assert_eq!((client.response_types, client.method), (vec!["code"], Method::Basic));
        assert_eq!(client.scope.to_string(), "multiplayer offline_access");

        let asked = json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code", "token"], "scope": "multiplayer" });
        let client = register(Access::Invite, asked).ok().unwrap();
        assert_eq!((client.name.as_str(), client.grant_types), ("Unnamed client", vec!["authorization_code"]));
        assert_eq!(client.scope.to_string(), "multiplayer");
    }

    #[test]
    fn who_acts_for_itself_needs_no_redirect_uri() {
        for asked in [json!({ "grant_types": ["client_credentials"] }), json!({})] {
            let client = register(Access::Open, asked.clone()).ok().unwrap();
            assert_eq!((client.grant_types, client.response_types), (vec!["client_credentials"], vec![]));
            assert!(register(Access::Invite, asked).is_err());
        }
    }

    #[test]
    fn what_is_not_in_order_is_refused() {
        let uris = json!(["https://app.example/cb"]);
        for (asked, error) in [
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
            assert_eq!(register(Access::Open, asked.clone()).err(), Some(error), "{asked}");
        }
    }
}
