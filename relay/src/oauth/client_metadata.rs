//! Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document): the `client_id` is an https URL, and
//! the document at that URL describes the client.
//!
//! Anybody can make the relay fetch a URL of their choice, and must not be able to use that to reach or explore the
//! relay's own network. The relay therefore fetches only over TLS and only from hosts that the operator's egress rules
//! allow, follows no redirects, limits size and time, and does not report to the caller what it saw of the network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
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

use super::client::{Client, ClientError, UNNAMED, displayable_name};
use super::redirect_uri;
use crate::clock::Clock;
use crate::config::Config;
use crate::egress::{ConnectError, RelayConnector};
use crate::quota::AddressLimiter;

/// Maximum size of a document.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// Maximum duration of a fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of concurrent fetches.
const MAX_CONCURRENT_FETCHES: usize = 32;
/// Fetches that one address may cause per minute.
const FETCHES_PER_MINUTE: u32 = 30;
/// Maximum number of cached documents.
const MAX_CACHED: usize = 1_000;
/// Maximum number of redirect URIs of one client; further ones are ignored.
const MAX_REDIRECT_URIS: usize = 64;
/// Limits of the time for which a document is cached, in seconds.
const CACHE_SECONDS: RangeInclusive<i64> = 60..=24 * 3_600;
/// Time for which a document is cached if its server does not say, in seconds.
const DEFAULT_CACHE_SECONDS: i64 = 3_600;
/// Time for which a failure is cached, in seconds.
const FAILURE_CACHE_SECONDS: i64 = 10;

/// Fetches metadata documents and caches them.
pub(crate) struct ClientMetadataCache {
    connector: RelayConnector,
    clock: Clock,
    entries: Mutex<HashMap<String, Arc<OnceCell<CacheEntry>>>>,
    concurrent_fetches: Semaphore,
    fetches_per_address: AddressLimiter,
}

/// A client, or the reason why its document cannot be used.
struct CacheEntry {
    client: Result<Client, String>,
    expires_at: Timestamp,
}

impl ClientMetadataCache {
    /// Creates an empty cache, which fetches under the operator's egress rules.
    pub(crate) fn open(config: &Config, clock: Clock) -> Result<Self> {
        Ok(Self {
            connector: RelayConnector::open(config)?,
            fetches_per_address: AddressLimiter::new(FETCHES_PER_MINUTE, Duration::from_mins(1), &clock),
            clock,
            entries: Mutex::default(),
            concurrent_fetches: Semaphore::new(MAX_CONCURRENT_FETCHES),
        })
    }

    /// Returns the client that the document at `client_id` describes, for a caller at the address `requester`.
    pub(super) async fn resolve(&self, client_id: &str, requester: Option<IpAddr>) -> Result<Client, ClientError> {
        let url = parse_client_id(client_id).map_err(ClientError::InvalidMetadata)?;
        // Callers that arrive during a fetch wait for its result. If the first caller disconnects, one of them
        // starts the fetch again.
        let entry = self.entry(client_id, requester)?;
        let entry = entry.get_or_try_init(|| self.fetch(client_id, &url)).await?;
        entry.client.clone().map_err(ClientError::InvalidMetadata)
    }

    /// Returns the cache entry of a client, or a new empty one, which counts as a fetch by `requester`.
    fn entry(&self, client_id: &str, requester: Option<IpAddr>) -> Result<Arc<OnceCell<CacheEntry>>, ClientError> {
        let now = self.clock.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let is_expired = |entry: &Arc<OnceCell<CacheEntry>>| match entry.get() {
            Some(entry) => entry.expires_at <= now,
            // An abandoned fetch: nobody but the map refers to the entry.
            None => Arc::strong_count(entry) == 1,
        };
        if let Some(entry) = entries.get(client_id).filter(|entry| !is_expired(entry)) {
            return Ok(Arc::clone(entry));
        }
        self.fetches_per_address.take(requester).map_err(ClientError::TooManyFetches)?;
        if entries.len() >= MAX_CACHED {
            entries.retain(|_, entry| !is_expired(entry));
        }
        if entries.len() >= MAX_CACHED {
            let expiries = entries.iter().filter_map(|(id, entry)| Some((entry.get()?.expires_at, id)));
            let first = expiries.min().map(|(_, id)| id.clone());
            first.and_then(|first| entries.remove(&first));
        }
        let new = Arc::new(OnceCell::new());
        entries.insert(client_id.to_owned(), Arc::clone(&new));
        Ok(new)
    }

    async fn fetch(&self, client_id: &str, url: &Url) -> Result<CacheEntry, ClientError> {
        let _permit = self.concurrent_fetches.try_acquire().map_err(|_| ClientError::TooManyFetches(2))?;
        let fetched = timeout(FETCH_TIMEOUT, self.get(url))
            .await
            .unwrap_or_else(|_| Err(format!("its server did not answer within {} seconds", FETCH_TIMEOUT.as_secs())));
        let parsed =
            fetched.and_then(|(headers, body)| Ok((parse_document(client_id, url, &body)?, cache_seconds(&headers))));
        let (client, seconds) = match parsed {
            Ok((client, seconds)) => (Ok(client), seconds),
            Err(reason) => {
                tracing::info!(oauth.client_id = client_id, reason, "client metadata document rejected");
                (Err(format!("the client's metadata document cannot be used: {reason}")), FAILURE_CACHE_SECONDS)
            }
        };
        let expires_at = Timestamp::from_millis(self.clock.now().as_millis() + seconds * 1_000);
        Ok(CacheEntry { client, expires_at })
    }

    async fn get(&self, url: &Url) -> Result<(HeaderMap, Bytes), String> {
        let host = url.host_str().ok_or("its URL has no host")?;
        let stream = self.connector.connect(host, url.port().unwrap_or(443)).await.map_err(|error| match error {
            ConnectError::Refused(reason) => {
                tracing::info!(host, reason, "client metadata document not fetched");
                "this relay is not allowed to fetch from its host".to_owned()
            }
            ConnectError::Failed(_, reason) => {
                tracing::info!(host, reason, "client metadata document not fetched");
                "its server cannot be reached over TLS".to_owned()
            }
        })?;
        let broken = |error: hyper::Error| {
            tracing::info!(host, reason = %error, "client metadata document not fetched");
            "its server did not send a valid HTTP response".to_owned()
        };
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_DOCUMENT_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = Request::get(&url[Position::BeforePath..])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("mcp-multiplayer-relay/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        if parts.status != StatusCode::OK {
            return Err(format!(
                "its server answered with status {}; it must be 200, and redirects are not followed",
                parts.status.as_u16()
            ));
        }
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
            return Err("its Content-Type must be application/json".to_owned());
        }
        let body = Limited::new(body, MAX_DOCUMENT_BYTES).collect().await;
        let body =
            body.map_err(|_| format!("it is larger than {MAX_DOCUMENT_BYTES} bytes, or the connection was lost"))?;
        Ok((parts.headers, body.to_bytes()))
    }
}

/// Parses a `client_id` that is a URL (section 3 of the draft).
fn parse_client_id(client_id: &str) -> Result<Url, String> {
    let invalid = |requirement: &str| format!("a client_id that is a URL must {requirement}");
    let url = Url::parse(client_id).map_err(|_| invalid("be a valid URL"))?;
    if url.scheme() != "https" || matches!(url.path(), "" | "/") {
        return Err(invalid("use https and have a path"));
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("not have a fragment, a user name or a password"));
    }
    // Ids are compared as text, so two spellings of one URL would be two clients. This also excludes dot segments,
    // which the parser resolves.
    if url.as_str() != client_id {
        return Err(invalid("be in normal form, without dot segments or the default port"));
    }
    Ok(url)
}

/// The members of the document that the relay uses (RFC 7591, section 2; section 4.1 of the draft).
#[derive(Deserialize)]
struct ClientMetadataDocument {
    client_id: String,
    client_name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    client_secret: Option<serde::de::IgnoredAny>,
    client_secret_expires_at: Option<serde::de::IgnoredAny>,
}

fn parse_document(client_id: &str, url: &Url, body: &[u8]) -> Result<Client, String> {
    let document: ClientMetadataDocument = serde_json::from_slice(body).map_err(|error| {
        // The message of the JSON error may quote the document, which the caller may not be able to read.
        let (line, column) = (error.line(), error.column());
        format!("it is not a JSON object with client metadata (line {line}, column {column})")
    })?;
    if document.client_id != client_id {
        return Err("its client_id is not the URL that it was fetched from".to_owned());
    }
    // The document is public, so it cannot contain a secret. Any other authentication method is ignored: the relay
    // treats the client as a public one.
    let method = document.token_endpoint_auth_method.unwrap_or_default();
    if method.starts_with("client_secret_")
        || document.client_secret.is_some()
        || document.client_secret_expires_at.is_some()
    {
        return Err("it contains a client_secret, or a token_endpoint_auth_method that needs one".to_owned());
    }
    let mut redirect_uris = document.redirect_uris.unwrap_or_default();
    redirect_uris.retain(|uri| redirect_uri::check(uri).is_ok());
    redirect_uris.truncate(MAX_REDIRECT_URIS);
    if redirect_uris.is_empty() {
        return Err("it has no valid redirect_uris".to_owned());
    }
    Ok(Client {
        id: client_id.to_owned(),
        name: document.client_name.and_then(|name| displayable_name(&name)).unwrap_or_else(|| UNNAMED.to_owned()),
        redirect_uris,
        secret_hash: None,
        metadata_host: Some(url[Position::BeforeHost..Position::AfterPort].to_owned()),
    })
}

/// Returns how long a document is cached, in seconds: `max-age` of `Cache-Control` (RFC 9111, section 5.2.2), within
/// [`CACHE_SECONDS`].
fn cache_seconds(headers: &HeaderMap) -> i64 {
    let directives: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    let (min, max) = CACHE_SECONDS.into_inner();
    if directives.iter().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache")) {
        return min;
    }
    let max_age = directives.iter().find_map(|directive| directive.strip_prefix("max-age="));
    max_age.map_or(DEFAULT_CACHE_SECONDS, |age| age.trim_matches('"').parse().unwrap_or(min)).clamp(min, max)
}

#[cfg(test)]
mod tests {
    use axum::http::header::CACHE_CONTROL;
    use axum::http::{HeaderMap, HeaderValue};
    use serde_json::{Value, json};

    use super::{Client, cache_seconds, parse_client_id, parse_document};

    const ID: &str = "https://app.example:8443/client.json";

    #[test]
    fn a_client_id_is_an_https_url_with_a_path() {
        for id in [ID, "https://claude.ai/oauth/mcp-oauth-client-metadata", "https://app.example/c?v=1"] {
            parse_client_id(id).unwrap();
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
            parse_client_id(id).unwrap_err();
        }
    }

    fn parsed(document: &Value) -> Result<Client, String> {
        parse_document(ID, &parse_client_id(ID).unwrap(), document.to_string().as_bytes())
    }

    #[test]
    fn a_document_describes_a_public_client() {
        let document = json!({ "client_id": ID, "client_name": "An app", "jwks": {}, "logo_uri": "https://app.example/x",
            "token_endpoint_auth_method": "private_key_jwt",
            "redirect_uris": ["https://app.example/cb", "javascript:alert(1)", "http://localhost/cb"] });
        let client = parsed(&document).unwrap();
        assert_eq!((client.id.as_str(), client.name.as_str()), (ID, "An app"));
        assert_eq!(client.redirect_uris, ["https://app.example/cb", "http://localhost/cb"]);
        assert_eq!((client.secret_hash, client.metadata_host.as_deref()), (None, Some("app.example:8443")));
        assert_eq!(
            parsed(&json!({ "client_id": ID, "redirect_uris": ["https://a.example/"] })).unwrap().name,
            "Unnamed client"
        );
    }

    #[test]
    fn invalid_documents_are_rejected() {
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
    fn cache_control_is_honoured_within_limits() {
        for (header, seconds) in [
            ("max-age=600", 600),
            ("public, Max-Age=7200", 7_200),
            ("max-age=0", 60),
            ("max-age=99999999", 86_400),
            ("max-age=-1", 60),
            ("max-age=x", 60),
            ("no-store, max-age=600", 60),
            ("public", 3_600),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(header))]);
            assert_eq!(cache_seconds(&headers), seconds, "{header}");
        }
        assert_eq!(cache_seconds(&HeaderMap::new()), 3_600);
    }
}
