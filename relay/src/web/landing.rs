//! The landing page at `/`, which explains the product and how to set up each client for this relay.

use askama::Template;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, VARY};
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use data_encoding::BASE64;
use serde_json::json;
use url::form_urlencoded::byte_serialize;

use super::page::{Site, public_page};
use crate::config::Access;
use crate::net::{accepts_html, client_address};
use crate::state::Relay;

#[derive(Debug, Template)]
#[template(path = "landing.html")]
struct LandingPage {
    site: Site,
    access: Access,
    /// The relay's URL for the stdio server: `wss://…`.
    websocket_url: String,
    /// Link that adds this relay to Cursor.
    cursor_link: String,
    /// Link that adds this relay to VS Code.
    vscode_link: String,
    /// Path of the file with the relay's own token, quoted for a shell. Only for somebody on the relay's own machine.
    token_file: Option<String>,
}

impl LandingPage {
    fn new(relay: &Relay, token_file: Option<String>) -> Self {
        let site = Site::of(&relay.config);
        let mcp = format!("{}/mcp", site.url);
        let cursor = BASE64.encode(json!({ "url": mcp }).to_string().as_bytes());
        let vscode = json!({ "name": "multiplayer", "type": "http", "url": mcp }).to_string();
        Self {
            access: relay.config.access(),
            websocket_url: site.websocket_url(),
            cursor_link: format!(
                "cursor://anysphere.cursor-deeplink/mcp/install?name=multiplayer&config={}",
                query_encode(&cursor)
            ),
            vscode_link: format!("vscode:mcp/install?{}", query_encode(&vscode)),
            token_file,
            site,
        }
    }
}

/// Returns the path of the relay's own token, if the visitor is on the relay's machine.
///
/// A loopback address alone does not prove that, because a proxy or a tunnel on this machine has one, too. But a relay that
/// others reach through it has a public URL with another address.
fn token_file(relay: &Relay, request: &Request) -> Option<String> {
    let is_own_machine = Site::of(&relay.config).is_local
        && client_address(request.extensions()).is_some_and(|address| address.is_loopback());
    let path = std::path::absolute(relay.config.local_token_file()).ok()?;
    is_own_machine.then(|| quote_for_shell(&path.to_string_lossy()))
}

fn quote_for_shell(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=@%".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Encodes a value for the query of a link. The values here contain no spaces, which this encoding would turn into `+`.
fn query_encode(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// Returns the page if the request is a browser's for `/`, without a token; `None` for other requests.
pub(crate) fn landing_page(relay: &Relay, request: &Request) -> Option<Response> {
    if request.uri().path() != "/" || !is_browser(request) {
        return None;
    }
    let token_file = token_file(relay, request);
    let is_for_everybody = token_file.is_none();
    let mut response = public_page(&LandingPage::new(relay, token_file), "script-src 'self'");
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept, authorization"));
    if !is_for_everybody {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    Some(response)
}

fn is_browser(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && accepts_html(request.headers())
        && !request.headers().contains_key(AUTHORIZATION)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;

    use super::{is_browser, quote_for_shell};

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quote_for_shell("/var/lib/relay/local-token"), "/var/lib/relay/local-token");
        assert_eq!(quote_for_shell("/Application Support/it's"), r"'/Application Support/it'\''s'");
    }

    #[test]
    fn only_browsers_without_a_token_get_the_page() {
        let html = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
        assert!(is_browser(&request("GET", &[html])));
        assert!(is_browser(&request("GET", &[("accept", "application/json, TEXT/HTML;q=0.9")])));
        assert!(is_browser(&request("HEAD", &[html])));
        for other in [
            request("GET", &[]),
            request("GET", &[("accept", "*/*")]),
            request("GET", &[("accept", "text/event-stream")]),
            request("GET", &[("accept", "text/htmlx")]),
            request("GET", &[html, ("authorization", "Bearer x")]),
            request("POST", &[html]),
        ] {
            assert!(!is_browser(&other), "{other:?}");
        }
    }
}
