//! The place that a redirect URI sends the browser to, as the consent page shows it.

use std::net::IpAddr;

use url::{Host, Url};

/// The place that a redirect URI sends the browser to, with the authorization code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RedirectTarget {
    /// A website: its host, with the port unless it is the default one.
    Website(String),
    /// A program on the person's computer that listens at this loopback address.
    LoopbackProgram(String),
    /// A program on the person's computer that opens links with this scheme.
    SchemeHandler(String),
}

impl RedirectTarget {
    /// Parses a redirect URI as browsers do; `None` if it is not an absolute URI.
    pub(super) fn parse(redirect_uri: &str) -> Option<Self> {
        let url = Url::parse(redirect_uri).ok()?;
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            None => false,
        };
        let host_and_port = || {
            let host = url.host_str()?;
            Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
        };
        match url.scheme() {
            "http" if is_loopback => Some(Self::LoopbackProgram(host_and_port()?)),
            "http" | "https" => Some(Self::Website(host_and_port()?)),
            scheme => Some(Self::SchemeHandler(scheme.to_owned())),
        }
    }

    /// Returns the CSP source list for the consent page's form: the relay, and what follows after the relay's redirect.
    ///
    /// Chromium-based browsers apply `form-action` to every redirect that follows a form submission. That includes
    /// redirects made by the client's own site, which may lead to another host name of the same client, so all of https
    /// is allowed for websites.
    pub(super) fn form_action(&self) -> String {
        match self {
            Self::Website(_) => "'self' https:".to_owned(),
            // CSP cannot express an IPv6 address.
            Self::LoopbackProgram(address) if address.starts_with('[') => "'self' http: https:".to_owned(),
            Self::LoopbackProgram(address) => format!("'self' http://{address} https:"),
            Self::SchemeHandler(scheme) => format!("'self' {scheme}:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RedirectTarget;

    #[test]
    fn redirect_uris_are_parsed_as_browsers_do() {
        let website = |host: &str| Some(RedirectTarget::Website(host.into()));
        assert_eq!(RedirectTarget::parse("https://app.example/cb"), website("app.example"));
        assert_eq!(RedirectTarget::parse("https://app.example:8443/cb"), website("app.example:8443"));
        assert_eq!(RedirectTarget::parse("https://claude.ai@evil.example/cb"), website("evil.example"));
        assert_eq!(RedirectTarget::parse("https://clаude.ai/cb"), website("xn--clude-5ve.ai"));
        assert_eq!(RedirectTarget::parse("https://localhost/cb"), website("localhost"));
        for (uri, address) in [
            ("http://127.0.0.1:33418/", "127.0.0.1:33418"),
            ("http://localhost/callback", "localhost"),
            ("http://[::1]:9/callback", "[::1]:9"),
        ] {
            assert_eq!(RedirectTarget::parse(uri), Some(RedirectTarget::LoopbackProgram(address.into())));
        }
        assert_eq!(RedirectTarget::parse("cursor://x/y"), Some(RedirectTarget::SchemeHandler("cursor".into())));
        assert_eq!(
            RedirectTarget::parse("com.example.app:/cb"),
            Some(RedirectTarget::SchemeHandler("com.example.app".into()))
        );
        assert_eq!(RedirectTarget::parse("callback"), None);
    }

    #[test]
    fn form_action_allows_the_relay_and_the_redirect_target() {
        for (uri, sources) in [
            ("https://app.example/cb", "'self' https:"),
            ("http://127.0.0.1:33418/", "'self' http://127.0.0.1:33418 https:"),
            ("http://localhost/cb", "'self' http://localhost https:"),
            ("http://[::1]:9/cb", "'self' http: https:"),
            ("cursor://x/y", "'self' cursor:"),
        ] {
            assert_eq!(RedirectTarget::parse(uri).unwrap().form_action(), sources);
        }
    }
}
