//! Clients that describe themselves in a document at the URL that is their id (Client ID Metadata Documents,
//! draft-ietf-oauth-client-id-metadata-document).
//!
//! Whoever asks chooses the URL, so nothing is fetched but over TLS and from where the operator's rules lead, no redirect
//! is followed, and what comes is limited in size and time. What failed is told without what the relay saw of its network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mcp_multiplayer_protocol::Timestamp;
use serde::Deserialize;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use url::{Position, Url};

use super::client::{ClientError, KnownClient, UNNAMED, shown_name};
use super::redirect;
use crate::clock::Clock;
use crate::config::Config;
use crate::egress::{ConnectError, RelayConnector};
use crate::quota::AddressLimiter;

/// Largest document.
const LARGEST: usize = 64 * 1024;
/// How long a fetch may take in all.
const IN_TIME: Duration = Duration::from_secs(5);
/// Fetches at a time.
const AT_A_TIME: usize = 32;
/// Fetches for one address in a minute.
const PER_MINUTE: u32 = 30;
/// Documents that are remembered.
const REMEMBERED: usize = 1_000;
/// Redirect URIs of one client.
const MOST_URIS: usize = 64;
/// How long a document is believed, in seconds: what its server says, within these; and if it says nothing.
const BELIEVED: (i64, i64, i64) = (60, 24 * 3_600, 3_600);
/// How long a failure is.
const FAILED: i64 = 10;

/// Fetches documents, and remembers them.
pub(crate) struct Documents {
    connector: RelayConnector,
    clock: Clock,
    known: Mutex<HashMap<String, Arc<OnceCell<Found>>>>,
    slots: Semaphore,
    per_minute: AddressLimiter,
}

/// A client, or what is wrong with its document; and until when that is believed.
struct Found {
    client: Result<KnownClient, String>,
    until: Timestamp,
}

impl Documents {
    /// Fetches under the operator's rules for bots' hosts.
    pub(crate) fn open(config: &Config, clock: Clock) -> Result<Self> {
        Ok(Self {
            connector: RelayConnector::open(config)?,
            per_minute: AddressLimiter::new(PER_MINUTE, Duration::from_mins(1), &clock),
            clock,
            known: Mutex::default(),
            slots: Semaphore::new(AT_A_TIME),
        })
    }

    /// The client that the document at `id` describes, for a caller at this address.
    pub(super) async fn find(&self, id: &str, from: Option<IpAddr>) -> Result<KnownClient, ClientError> {
        let url = client_url(id).map_err(ClientError::Document)?;
        // Who comes while it is fetched waits for that, and goes on with it should the first caller leave.
        let known = self.known(id, from)?;
        let found = known.get_or_try_init(|| self.fetch(id, &url)).await?;
        found.client.clone().map_err(ClientError::Document)
    }

    /// What is known of a client, or a place for it, which counts as a fetch.
    fn known(&self, id: &str, from: Option<IpAddr>) -> Result<Arc<OnceCell<Found>>, ClientError> {
        let now = self.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |found: &Arc<OnceCell<Found>>| match found.get() {
            Some(found) => found.until <= now,
            // A fetch that was given up, if nobody else waits for it.
            None => Arc::strong_count(found) == 1,
        };
        if let Some(found) = known.get(id).filter(|found| !is_over(found)) {
            return Ok(Arc::clone(found));
        }
        self.per_minute.take(from).map_err(ClientError::Busy)?;
        if known.len() >= REMEMBERED {
            known.retain(|_, found| !is_over(found));
        }
        if known.len() >= REMEMBERED {
            let ends = known.iter().filter_map(|(id, found)| Some((found.get()?.until, id)));
            let first = ends.min().map(|(_, id)| id.clone());
            first.and_then(|first| known.remove(&first));
        }
        let new = Arc::new(OnceCell::new());
        known.insert(id.to_owned(), Arc::clone(&new));
        Ok(new)
    }

    async fn fetch(&self, id: &str, url: &Url) -> Result<Found, ClientError> {
        let _slot = self.slots.try_acquire().map_err(|_| ClientError::Busy(2))?;
        let fetched = timeout(IN_TIME, self.get(url)).await;
        let fetched =
            fetched.unwrap_or_else(|_| Err(format!("its server did not answer within {} seconds", IN_TIME.as_secs())));
        let read = fetched.and_then(|(headers, body)| Ok((read(id, url, &body)?, believed_seconds(&headers))));
        let (client, seconds) = match read {
            Ok((client, seconds)) => (Ok(client), seconds),
            Err(reason) => {
                tracing::info!(oauth.client_id = id, reason, "a client's document is refused");
                (Err(format!("the document of the client cannot be used: {reason}")), FAILED)
            }
        };
        let until = Timestamp::from_millis(self.clock.now().as_millis() + seconds * 1_000);
        Ok(Found { client, until })
    }

    async fn get(&self, url: &Url) -> Result<(HeaderMap, Bytes), String> {
        let host = url.host_str().ok_or("it has no host")?;
        let stream =
            self.connector.connect(host, url.port().unwrap_or(443)).await.map_err(|unreached| match unreached {
                ConnectError::Refused(reason) => {
                    tracing::info!(host, reason, "a client's document is out of reach");
                    "this relay fetches nothing from its host".to_owned()
                }
                ConnectError::Failed(reason) => {
                    tracing::info!(host, reason, "a client's document is out of reach");
                    "its server cannot be reached over TLS".to_owned()
                }
            })?;
        let broken = |error: hyper::Error| {
            tracing::info!(host, reason = %error, "a client's document is out of reach");
            "its server does not answer as a web server does".to_owned()
        };
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(LARGEST).handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = Request::get(&url[Position::BeforePath..])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("mcp-multiplayer-relay/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        if parts.status != StatusCode::OK {
            return Err(format!("its server answers with {}, and no redirect is followed", parts.status.as_u16()));
        }
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
            return Err("it is to be of the type application/json".to_owned());
        }
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|_| format!("it has more than {LARGEST} bytes, or broke off"))?;
        Ok((parts.headers, body.to_bytes()))
    }
}

/// The URL, if it is one that can be a client's id (section 3 of the draft).
fn client_url(id: &str) -> Result<Url, String> {
    let wrong = |reason: &str| format!("a client's id that is a URL {reason}");
    let url = Url::parse(id).map_err(|_| wrong("is to be a valid one"))?;
    if url.scheme() != "https" || matches!(url.path(), "" | "/") {
        return Err(wrong("is https and has a path"));
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has no fragment, no user and no password"));
    }
    // It is compared as a text, so two spellings would be two clients; and this way it has no dot segments.
    if url.as_str() != id {
        return Err(wrong("is written in its normal form, without dot segments and the default port"));
    }
    Ok(url)
}

/// The members that matter here (RFC 7591, section 2; section 4.1 of the draft).
#[derive(Deserialize)]
struct Document {
    client_id: String,
    client_name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    client_secret: Option<serde::de::IgnoredAny>,
    client_secret_expires_at: Option<serde::de::IgnoredAny>,
}

fn read(id: &str, url: &Url, body: &[u8]) -> Result<KnownClient, String> {
    let document: Document = serde_json::from_slice(body).map_err(|error| {
        // The error's own words may quote what is at the URL.
        format!("it is no JSON object that describes a client (line {}, column {})", error.line(), error.column())
    })?;
    if document.client_id != id {
        return Err("its client_id is not the URL it is at".to_owned());
    }
    // Everybody can read it, so it cannot hold a secret. Other methods than those are no concern of it here: the
    // client is a public one, whatever else it could do.
    let method = document.token_endpoint_auth_method.unwrap_or_default();
    if method.starts_with("client_secret_")
        || document.client_secret.is_some()
        || document.client_secret_expires_at.is_some()
    {
        return Err("it has a client_secret, or a method that needs one".to_owned());
    }
    let mut redirect_uris = document.redirect_uris.unwrap_or_default();
    redirect_uris.retain(|uri| redirect::check(uri).is_ok());
    redirect_uris.truncate(MOST_URIS);
    if redirect_uris.is_empty() {
        return Err("it has no redirect_uris that codes may go to".to_owned());
    }
    Ok(KnownClient {
        id: id.to_owned(),
        name: document.client_name.and_then(|name| shown_name(&name)).unwrap_or_else(|| UNNAMED.to_owned()),
        redirect_uris,
        secret_hash: None,
        document_host: Some(url[Position::BeforeHost..Position::AfterPort].to_owned()),
    })
}

/// For how long a document is believed: `max-age` of `Cache-Control` (RFC 9111, section 5.2.2), within limits.
fn believed_seconds(headers: &HeaderMap) -> i64 {
    let (least, most, usual) = BELIEVED;
    let directives: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives.iter().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache")) {
        return least;
    }
    let max_age = directives.iter().find_map(|directive| directive.strip_prefix("max-age="));
    max_age.map_or(usual, |age| age.trim_matches('"').parse().unwrap_or(least)).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use axum::http::header::CACHE_CONTROL;
    use axum::http::{HeaderMap, HeaderValue};
    use serde_json::{Value, json};

    use super::{believed_seconds, client_url, read};

    const ID: &str = "https://app.example:8443/client.json";

    #[test]
    fn an_id_is_an_https_url_with_a_path() {
        for id in [ID, "https://claude.ai/oauth/mcp-oauth-client-metadata", "https://app.example/c?v=1"] {
            client_url(id).unwrap();
        }
        for id in [
            "https://app.example",
            "https://app.example/",
            "https://app.example/#client",
            "https://app.example/client#",
            "https://user@app.example/client",
            "https://:x@app.example/client",
            "https://app.example/a/../client",
            "https://app.example/./client",
            "https://app.example/a/%2e%2e/client",
            "https://app.example:443/client",
            "https://APP.example/client",
            "https://app.example\\client",
            "https://0x7f.1/client",
            "https://app.example/cli ent",
            "https:/app.example/client",
            "https:///app.example/client",
            "https://app.example:99999/client",
            "http://app.example/client",
        ] {
            client_url(id).unwrap_err();
        }
    }

    fn parsed(document: &Value) -> Result<super::KnownClient, String> {
        read(ID, &client_url(ID).unwrap(), document.to_string().as_bytes())
    }

    #[test]
    fn a_document_describes_a_public_client() {
        let document = json!({ "client_id": ID, "client_name": "An app", "jwks": {}, "logo_uri": "https://app.example/x",
            "token_endpoint_auth_method": "private_key_jwt",
            "redirect_uris": ["https://app.example/cb", "javascript:alert(1)", "http://localhost/cb"] });
        let client = parsed(&document).unwrap();
        assert_eq!((client.id.as_str(), client.name.as_str()), (ID, "An app"));
        assert_eq!(client.redirect_uris, ["https://app.example/cb", "http://localhost/cb"]);
        assert_eq!((client.secret_hash, client.document_host.as_deref()), (None, Some("app.example:8443")));
        assert_eq!(
            parsed(&json!({ "client_id": ID, "redirect_uris": ["https://a.example/"] })).unwrap().name,
            "Unnamed client"
        );
    }

    #[test]
    fn other_documents_are_refused() {
        let uris = json!(["https://app.example/cb"]);
        for document in [
            json!({ "client_id": "https://app.example/client.json", "redirect_uris": uris }),
            json!({ "client_id": format!("{ID}/"), "redirect_uris": uris }),
            json!({ "redirect_uris": uris }),
            json!({ "client_id": ID }),
            json!({ "client_id": ID, "redirect_uris": [] }),
            json!({ "client_id": ID, "redirect_uris": ["javascript:alert(1)"] }),
            json!({ "client_id": ID, "redirect_uris": "https://app.example/cb" }),
            json!({ "client_id": ID, "redirect_uris": uris, "client_secret": "x" }),
            json!({ "client_id": ID, "redirect_uris": uris, "client_secret_expires_at": 0 }),
            json!({ "client_id": ID, "redirect_uris": uris, "token_endpoint_auth_method": "client_secret_post" }),
            json!({ "client_id": ID, "redirect_uris": uris, "token_endpoint_auth_method": "client_secret_jwt" }),
            json!([]),
        ] {
            parsed(&document).unwrap_err();
        }
    }

    #[test]
    fn a_server_says_how_long_it_is_believed_within_limits() {
        for (said, seconds) in [
            ("max-age=600", 600),
            ("public, Max-Age=7200", 7_200),
            ("max-age=0", 60),
            ("max-age=99999999", 86_400),
            ("max-age=-1", 60),
            ("max-age=x", 60),
            ("no-store, max-age=600", 60),
            ("public", 3_600),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(said))]);
            assert_eq!(believed_seconds(&headers), seconds, "{said}");
        }
        assert_eq!(believed_seconds(&HeaderMap::new()), 3_600);
    }
}
