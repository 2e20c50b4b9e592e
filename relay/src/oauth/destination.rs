//! Where a code will go, as the person is told, and whether that is a client everybody knows.

use std::net::IpAddr;

use url::{Host, Url};

/// Where these clients take their codes, to the letter. What a client calls itself plays no part in it.
const KNOWN_CLIENTS: [&str; 5] = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://vscode.dev/redirect",
    "https://www.cursor.com/agents/mcp/oauth/callback",
];
/// ChatGPT's, one for each connector; its id follows.
const KNOWN_CONNECTORS: &str = "https://chatgpt.com/connector/oauth/";

/// Whether a code that goes there reaches a client everybody knows.
pub(super) fn is_known_client(redirect_uri: &str) -> bool {
    let in_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let connector = redirect_uri.strip_prefix(KNOWN_CONNECTORS);
    KNOWN_CLIENTS.contains(&redirect_uri) || connector.is_some_and(|id| !id.is_empty() && id.bytes().all(in_id))
}

/// Where a code goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// A site on the web: its host, with the port if it is unusual.
    Site(String),
    /// A program on the visitor's computer that listens at this address.
    ThisComputer(String),
    /// A program on the visitor's computer that opens links of this scheme.
    Program(String),
}

impl Destination {
    /// As browsers read it; `None` for what is no absolute URI.
    pub(super) fn of(redirect_uri: &str) -> Option<Self> {
        let url = Url::parse(redirect_uri).ok()?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            None => false,
        };
        let place = || {
            let host = url.host_str()?;
            Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
        };
        match url.scheme() {
            "http" if local => Some(Self::ThisComputer(place()?)),
            "http" | "https" => Some(Self::Site(place()?)),
            scheme => Some(Self::Program(scheme.to_owned())),
        }
    }

    /// Where the consent form may lead, as a list of CSP sources: to the relay, and on to the client.
    ///
    /// Browsers of the Chromium family hold redirects after a form to it, and the redirects that the client's page makes
    /// in turn: to its own site, which may be under another name. Hence all of https, but nothing else than is needed.
    pub(super) fn form_action(&self) -> String {
        match self {
            Self::Site(_) => "'self' https:".to_owned(),
            // CSP has no words for an IPv6 address.
            Self::ThisComputer(place) if place.starts_with('[') => "'self' http: https:".to_owned(),
            Self::ThisComputer(place) => format!("'self' http://{place} https:"),
            Self::Program(scheme) => format!("'self' {scheme}:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Destination, is_known_client};

    #[test]
    fn known_clients_are_known_by_the_exact_place() {
        for known in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://claude.com/api/mcp/auth_callback",
            "https://chatgpt.com/connector_platform_oauth_redirect",
            "https://chatgpt.com/connector/oauth/aB3-_x",
            "https://vscode.dev/redirect",
            "https://www.cursor.com/agents/mcp/oauth/callback",
        ] {
            assert!(is_known_client(known), "{known}");
        }
        for other in [
            "",
            "http://claude.ai/api/mcp/auth_callback",
            "https://claude.ai:443/api/mcp/auth_callback",
            "https://claude.ai:8443/api/mcp/auth_callback",
            "https://Claude.ai/api/mcp/auth_callback",
            "https://claude.ai/api/mcp/auth_callback/",
            "https://claude.ai/api/mcp/auth_callback?next=x",
            "https://claude.ai/api/mcp/auth_callback/../x",
            "https://claude.ai/api/mcp/AUTH_CALLBACK",
            "https://claude.ai.evil.example/api/mcp/auth_callback",
            "https://claude.ai@evil.example/api/mcp/auth_callback",
            "https://evil.example/https://claude.ai/api/mcp/auth_callback",
            " https://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector/oauth/",
            "https://chatgpt.com/connector/oauth/x/../y",
            "https://chatgpt.com/connector/oauth/x?y",
            "https://chatgpt.com/connector/oauth/x%2fy",
            "https://chatgpt.com/connector/oauth/é",
            "https://vscode.dev/redirect?url=https://evil.example",
            "http://127.0.0.1:33418/",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        ] {
            assert!(!is_known_client(other), "{other}");
        }
    }

    #[test]
    fn a_destination_is_named_as_browsers_understand_it() {
        let site = |host: &str| Some(Destination::Site(host.into()));
        assert_eq!(Destination::of("https://app.example/cb"), site("app.example"));
        assert_eq!(Destination::of("https://app.example:8443/cb"), site("app.example:8443"));
        assert_eq!(Destination::of("https://claude.ai@evil.example/cb"), site("evil.example"));
        assert_eq!(Destination::of("https://clаude.ai/cb"), site("xn--clude-5ve.ai"));
        assert_eq!(Destination::of("https://localhost/cb"), site("localhost"));
        for (uri, place) in [
            ("http://127.0.0.1:33418/", "127.0.0.1:33418"),
            ("http://localhost/callback", "localhost"),
            ("http://[::1]:9/callback", "[::1]:9"),
        ] {
            assert_eq!(Destination::of(uri), Some(Destination::ThisComputer(place.into())));
        }
        assert_eq!(Destination::of("cursor://x/y"), Some(Destination::Program("cursor".into())));
        assert_eq!(Destination::of("com.example.app:/cb"), Some(Destination::Program("com.example.app".into())));
        assert_eq!(Destination::of("callback"), None);
    }

    #[test]
    fn the_form_leads_to_the_relay_and_on_to_the_client() {
        for (uri, sources) in [
            ("https://app.example/cb", "'self' https:"),
            ("http://127.0.0.1:33418/", "'self' http://127.0.0.1:33418 https:"),
            ("http://localhost/cb", "'self' http://localhost https:"),
            ("http://[::1]:9/cb", "'self' http: https:"),
            ("cursor://x/y", "'self' cursor:"),
        ] {
            assert_eq!(Destination::of(uri).unwrap().form_action(), sources);
        }
    }
}
