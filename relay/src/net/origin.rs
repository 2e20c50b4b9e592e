//! `Host` and `Origin` allow-lists: a page in somebody's browser must not reach a relay on their machine, neither by the
//! relay's own name nor by a name that was made to point there (DNS rebinding).

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use mcp_multiplayer_protocol::Error;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::parse_host_address;
use crate::config::Config;

/// The values of `Host` and `Origin` that the relay answers.
#[derive(Clone, Debug)]
pub(crate) struct AllowedNames(Arc<Lists>);

#[derive(Debug)]
struct Lists {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl AllowedNames {
    pub(crate) fn new(config: &Config) -> Self {
        let public: Option<Uri> = config.public_url.parse().ok();
        let mut hosts: Vec<String> =
            config.allowed_hosts.iter().chain(&config.acme_domain).map(|host| host.to_ascii_lowercase()).collect();
        hosts.extend(public.as_ref().and_then(Uri::host).map(str::to_ascii_lowercase));
        let mut origins: Vec<String> =
            config.allowed_origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        if let Some((scheme, authority)) = public.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?))) {
            origins.push(format!("{scheme}://{authority}").to_ascii_lowercase());
        }
        Self(Arc::new(Lists { hosts, origins }))
    }

    fn allows_host(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host().to_ascii_lowercase();
        let address = parse_host_address(&host);
        let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        loopback || self.0.hosts.iter().any(|allowed| *allowed == host || *allowed == authority.as_str())
    }

    fn allows_origin(&self, origin: &str) -> bool {
        self.0.origins.contains(&origin.to_ascii_lowercase())
    }

    /// Fails if a request is for another host, or comes from a page of another origin.
    ///
    /// HTTP/2 states the host in `:authority`, and may in `Host`, too (RFC 9113, section 8.3.1); every one that is stated
    /// must be allowed.
    pub(crate) fn check(&self, request: &Request, any_origin: bool) -> Result<(), Error> {
        let values = |name: HeaderName| request.headers().get_all(name).iter().map(text);
        let authority = request.uri().authority().map(Authority::as_str);
        let mut hosts = values(HOST).chain(authority).peekable();
        if hosts.peek().is_none() || !hosts.all(|host| self.allows_host(host)) {
            return Err(Error::invalid(
                "This relay does not answer to that host name.",
                "Use its public URL; the relay's operator adds names with --allowed-hosts or --public-url.",
            ));
        }
        if !any_origin && !values(ORIGIN).all(|origin| self.allows_origin(origin)) {
            return Err(Error::invalid(
                "This relay does not answer pages of that origin.",
                "The relay's operator adds origins with --allowed-origins.",
            ));
        }
        Ok(())
    }
}

/// Lets pages of the allowed origins read responses (CORS). Paths for which `any_origin` returns true can be read by any
/// page.
pub(crate) fn cors(allowed: AllowedNames, any_origin: fn(&str) -> bool) -> CorsLayer {
    let may_read = move |origin: &HeaderValue, request: &Parts| {
        any_origin(request.uri.path()) || allowed.allows_origin(text(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(may_read))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER])
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;

    use super::AllowedNames;
    use crate::config::Config;

    #[test]
    fn only_allowed_names_are_answered() {
        let config = Config { public_url: "https://relay.example.org".into(), ..Config::default() };
        let allowed = AllowedNames::new(&config);
        for host in ["127.0.0.1:8100", "localhost", "LOCALHOST:9", "[::1]:8100", "127.9.9.9", "Relay.example.org"] {
            assert!(allowed.allows_host(host), "{host}");
        }
        for host in ["evil.example", "relay.example.org.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "", "a b"] {
            assert!(!allowed.allows_host(host), "{host}");
        }
        assert!(allowed.allows_origin("https://relay.example.org"));
        for origin in ["http://relay.example.org", "https://relay.example.org:444", "null", "http://localhost", ""] {
            assert!(!allowed.allows_origin(origin), "{origin}");
        }
    }

    #[test]
    fn every_host_that_a_request_states_must_be_allowed() {
        let config = Config { public_url: "https://relay.example.org".into(), ..Config::default() };
        let allowed = AllowedNames::new(&config);
        let refused = |uri: &str, hosts: &[&str]| {
            let request = hosts.iter().fold(Request::post(uri), |request, host| request.header("host", *host));
            allowed.check(&request.body(Body::empty()).unwrap(), false).is_err()
        };
        assert!(!refused("/mcp", &["relay.example.org"]));
        assert!(!refused("https://relay.example.org/mcp", &[]), "HTTP/2");
        assert!(!refused("https://relay.example.org/mcp", &["relay.example.org"]));
        assert!(refused("/mcp", &[]));
        assert!(refused("https://evil.example/mcp", &[]));
        assert!(refused("https://evil.example/mcp", &["relay.example.org"]));
        assert!(refused("https://relay.example.org/mcp", &["evil.example"]));
        assert!(refused("/mcp", &["relay.example.org", "evil.example"]));
    }
}
