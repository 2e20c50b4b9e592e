//! What every page has in common: how it is shown, and what the browser must not do with it.

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::header::{HeaderName, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use crate::config::Config;

/// How long browsers keep what is the same for everybody.
const KEEP: &str = "public, max-age=3600";

/// The relay, as pages name it.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Its public URL, without a slash at the end.
    pub(crate) url: String,
    /// Host and port of that.
    pub(crate) host: String,
    /// What its paths start with: nothing, unless the public URL has a path.
    pub(crate) base: String,
    /// Whether it is known by a name at which only its own machine reaches it.
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

    /// Whether it is reached by https.
    pub(crate) fn is_secure(&self) -> bool {
        self.url.starts_with("https://")
    }
}

/// A page for one visitor, which nobody keeps and nobody frames. Its form goes where `form_action` says (CSP source list).
///
/// The referrer policy is not `no-referrer`: a form's `Origin` would be `null` then (Fetch, section 3.2), as a foreign page's is.
pub(crate) fn private_page(status: StatusCode, template: &impl Template, form_action: &str) -> Response {
    let policy = format!("style-src 'self'; form-action {form_action}");
    shown(status, template, &policy, "same-origin", "no-store")
}

/// A page that is the same for everybody.
pub(super) fn public_page(template: &impl Template, scripts: bool) -> Response {
    let policy = if scripts {
        "style-src 'self'; script-src 'self'; form-action 'none'"
    } else {
        "style-src 'self'; form-action 'none'"
    };
    shown(StatusCode::OK, template, policy, "no-referrer", KEEP)
}

/// A style sheet or script.
pub(super) fn asset(content_type: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 3] =
        [(CONTENT_TYPE, content_type), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, KEEP)];
    (headers, text).into_response()
}

fn shown(
    status: StatusCode,
    template: &impl Template,
    policy: &str,
    referrer: &'static str,
    cache: &'static str,
) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(error.cause = %error, "a page could not be made");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let policy = format!("default-src 'none'; {policy}; frame-ancestors 'none'; base-uri 'none'");
    let Ok(policy) = HeaderValue::try_from(policy) else {
        tracing::error!("a page's policy is no header");
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
    fn a_relay_goes_by_its_public_url() {
        let site = site("https://relay.example.org/table/");
        assert_eq!((site.url.as_str(), site.host.as_str()), ("https://relay.example.org/table", "relay.example.org"));
        assert_eq!(site.base, "/table");
        assert!(site.is_secure() && !site.is_local);
    }

    #[test]
    fn it_knows_whether_others_can_reach_it() {
        for local in ["http://127.0.0.1:8100", "http://localhost:8100", "http://[::1]:8100/"] {
            assert!(site(local).is_local, "{local}");
            assert!(site(local).host.ends_with(":8100") && site(local).base.is_empty(), "{local}");
        }
        assert!(!site("http://192.168.1.2:8100").is_local);
    }
}
