//! Rendering of pages, with the security headers that all of them have.

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::header::{HeaderName, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use crate::config::Config;

/// `Cache-Control` of pages and assets that are the same for everybody.
const PUBLIC_CACHE: &str = "public, max-age=3600";

/// The relay's address, in the parts that pages need.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The public URL, without a trailing slash.
    pub(crate) url: String,
    /// Host and port of the public URL.
    pub(crate) host: String,
    /// Path of the public URL, which all links start with; empty if it has none.
    pub(crate) base: String,
    /// Set if the public URL is a loopback address, which only the relay's own machine can reach.
    pub(crate) is_local: bool,
}

impl Site {
    pub(crate) fn of(config: &Config) -> Self {
        let url = config.public_url.trim_end_matches('/').to_owned();
        let Ok(parsed) = Url::parse(&url) else {
            return Self { host: url.clone(), url, base: String::new(), is_local: false };
        };
        let host = parsed.host_str().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        Self {
            is_local: host == "localhost" || address.is_ok_and(|address| address.is_loopback()),
            host: parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            base: parsed.path().trim_end_matches('/').to_owned(),
            url,
        }
    }

    /// Returns the public URL for the stdio server: `wss://…` or `ws://…`.
    pub(super) fn websocket_url(&self) -> String {
        self.url.replacen("http", "ws", 1)
    }

    /// Returns whether the public URL uses https.
    pub(crate) fn is_secure(&self) -> bool {
        self.url.starts_with("https://")
    }
}

/// Renders a page for one person, which is not cached. `form_action` is the CSP source list for its form.
///
/// The referrer policy is `same-origin`, not `no-referrer`. With `no-referrer`, browsers send the form with
/// `Origin: null` (Fetch, section 3.2), which cannot be told apart from the form of another site.
pub(crate) fn private_page(status: StatusCode, template: &impl Template, form_action: &str) -> Response {
    let policy = format!("style-src 'self'; form-action {form_action}");
    render(status, template, &policy, "same-origin", "no-store")
}

/// Renders a page that is the same for everybody. `scripts` are the CSP directives that its scripts need.
pub(super) fn public_page(template: &impl Template, scripts: &str) -> Response {
    let policy = format!("style-src 'self'; {scripts}; form-action 'none'");
    render(StatusCode::OK, template, &policy, "no-referrer", PUBLIC_CACHE)
}

/// Returns a style sheet, a script or an image.
pub(super) fn asset(content_type: &'static str, content: &'static [u8]) -> Response {
    let headers: [(HeaderName, &str); 3] =
        [(CONTENT_TYPE, content_type), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, PUBLIC_CACHE)];
    (headers, content).into_response()
}

/// Renders a plain text that is the same for everybody.
pub(super) fn public_text(template: &impl Template) -> Response {
    let Some(text) = text_of(template) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, PUBLIC_CACHE),
    ];
    (headers, text).into_response()
}

fn text_of(template: &impl Template) -> Option<String> {
    let rendered = template.render();
    if let Err(error) = &rendered {
        tracing::error!(error.cause = %error, "page could not be rendered");
    }
    rendered.ok()
}

fn render(
    status: StatusCode,
    template: &impl Template,
    policy: &str,
    referrer: &'static str,
    cache: &'static str,
) -> Response {
    let Some(html) = text_of(template) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let policy = format!("default-src 'none'; {policy}; frame-ancestors 'none'; base-uri 'none'");
    let Ok(policy) = HeaderValue::try_from(policy) else {
        tracing::error!("content security policy is not a valid header value");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static(referrer)),
        (CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    (status, headers, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::Site;
    use crate::config::Config;

    fn site(public_url: &str) -> Site {
        Site::of(&Config { public_url: public_url.into(), ..Config::default() })
    }

    #[test]
    fn a_site_is_described_by_the_public_url() {
        let site = site("https://relay.example.org/relay/");
        assert_eq!((site.url.as_str(), site.host.as_str()), ("https://relay.example.org/relay", "relay.example.org"));
        assert_eq!(site.base, "/relay");
        assert!(site.is_secure() && !site.is_local);
    }

    #[test]
    fn loopback_addresses_are_local() {
        for local in ["http://127.0.0.1:8100", "http://localhost:8100", "http://[::1]:8100/"] {
            assert!(site(local).is_local, "{local}");
            assert!(site(local).host.ends_with(":8100") && site(local).base.is_empty(), "{local}");
        }
        assert!(!site("http://192.168.1.2:8100").is_local);
    }
}
