//! `Host` and `Origin`: a page in somebody's browser must not reach a relay on their machine, neither
//! by naming it nor by a name that was made to point there (DNS rebinding).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use mcp_multiplayer_protocol::Error;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::Config;

/// What is answered.
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

    fn host(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host().to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        loopback || self.0.hosts.iter().any(|allowed| *allowed == host || *allowed == authority.as_str())
    }

    fn origin(&self, origin: &str) -> bool {
        self.0.origins.contains(&origin.to_ascii_lowercase())
    }

    /// Why a request that names a foreign host, or comes from a foreign page, is turned away.
    ///
    /// HTTP/2 names the host in `:authority`, and may in `Host`, too (RFC 9113, section 8.3.1); whatever is named must be ours.
    pub(crate) fn refusal(&self, request: &Request, any_origin: bool) -> Option<Error> {
        let said = |name: HeaderName| request.headers().get_all(name).iter().map(text);
        let authority = request.uri().authority().map(Authority::as_str);
        let mut hosts = said(HOST).chain(authority).peekable();
        if hosts.peek().is_none() || !hosts.all(|host| self.host(host)) {
            return Some(Error::invalid(
                "This relay is not known by that host name.",
                "Use its public URL; an operator adds names with --allowed-hosts or --public-url.",
            ));
        }
        if !any_origin && !said(ORIGIN).all(|origin| self.origin(origin)) {
            return Some(Error::invalid(
                "This relay does not answer pages of that origin.",
                "An operator adds origins with --allowed-origins.",
            ));
        }
        None
    }
}

/// Lets pages of the origins that are answered read the answers (CORS); what the metadata say, any page.
pub(crate) fn cors(allowed: AllowedNames, any_origin: fn(&str) -> bool) -> CorsLayer {
    let may_read =
        move |origin: &HeaderValue, request: &Parts| any_origin(request.uri.path()) || allowed.origin(text(origin));
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
    fn only_its_own_names_are_answered() {
        let config = Config { public_url: "https://relay.example.org".into(), ..Config::default() };
        let allowed = AllowedNames::new(&config);
        for host in ["127.0.0.1:8100", "localhost", "LOCALHOST:9", "[::1]:8100", "127.9.9.9", "Relay.example.org"] {
            assert!(allowed.host(host), "{host}");
        }
        for host in ["evil.example", "relay.example.org.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "", "a b"] {
            assert!(!allowed.host(host), "{host}");
        }
        assert!(allowed.origin("https://relay.example.org"));
        for origin in ["http://relay.example.org", "https://relay.example.org:444", "null", "http://localhost", ""] {
            assert!(!allowed.origin(origin), "{origin}");
        }
    }

    #[test]
    fn every_host_that_a_request_names_must_be_ours() {
        let config = Config { public_url: "https://relay.example.org".into(), ..Config::default() };
        let allowed = AllowedNames::new(&config);
        let refused = |uri: &str, hosts: &[&str]| {
            let request = hosts.iter().fold(Request::post(uri), |request, host| request.header("host", *host));
            allowed.refusal(&request.body(Body::empty()).unwrap(), false).is_some()
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
