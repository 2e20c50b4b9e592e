use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::{Host, Position, Url};

/// Maximum length of a URL, in bytes.
const MAX_BYTES: usize = 2_048;

/// The URL that events are posted to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct CallbackUrl {
    url: Url,
    /// The address, if the URL is a plain one to this machine.
    loopback: Option<SocketAddr>,
}

impl CallbackUrl {
    /// Parses a URL of a client; the error is for people and models.
    ///
    /// It must be `https`. As in clients' libraries, `http` is accepted for a literal loopback address, for development; the
    /// connection is made only if the operator's egress rules allow this address.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("'delivery.url' is longer than 2,048 bytes.");
        }
        let url = Url::parse(text).map_err(|_| "'delivery.url' is not a URL.")?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("'delivery.url' must not contain a user name, a password or a fragment.");
        }
        let ip = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        let loopback = match (url.scheme(), ip) {
            ("https", _) => None,
            ("http", Some(ip)) if ip.is_loopback() => {
                Some(SocketAddr::new(ip, url.port_or_known_default().unwrap_or(80)))
            }
            _ => return Err("'delivery.url' must be an https URL."),
        };
        if url.host().is_none() {
            return Err("'delivery.url' has no host.");
        }
        Ok(Self { url, loopback })
    }

    /// Returns the URL in normal form, by which subscriptions are told apart.
    pub(super) fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Returns the host, with brackets around an IPv6 address.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// Returns the address to connect to without TLS, if any.
    pub(super) fn loopback(&self) -> Option<SocketAddr> {
        self.loopback
    }

    /// Returns the value of the `Host` header.
    pub(super) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// Returns path and query.
    pub(super) fn path(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }
}

impl fmt::Debug for CallbackUrl {
    /// Leaves out path and query, which may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallbackUrl({})", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::CallbackUrl;

    #[test]
    fn only_https_and_plain_loopback_urls_are_accepted() {
        for (url, host, port, plain) in [
            ("https://app.example/hook?key=1", "app.example", 443, false),
            ("https://app.example:8443", "app.example", 8443, false),
            ("https://[::1]/hook", "[::1]", 443, false),
            ("http://127.0.0.1:8080/hook", "127.0.0.1", 8080, true),
            ("http://[::1]/hook", "[::1]", 80, true),
        ] {
            let parsed = CallbackUrl::parse(url).unwrap();
            assert_eq!((parsed.host(), parsed.port(), parsed.loopback().is_some()), (host, port, plain), "{url}");
        }
        for url in [
            "",
            "app.example/hook",
            "http://app.example/hook",
            "http://localhost/hook",
            "http://10.0.0.1/hook",
            "http://127.0.0.1.app.example/hook",
            "https://user@app.example/hook",
            "https://:password@app.example/hook",
            "https://app.example/hook#fragment",
            "ftp://127.0.0.1/hook",
            "file:///etc/passwd",
        ] {
            assert!(CallbackUrl::parse(url).is_err(), "{url}");
        }
        assert!(CallbackUrl::parse(&format!("https://app.example/{}", "x".repeat(2_048))).is_err());
    }

    #[test]
    fn the_request_has_path_and_query_of_the_url() {
        let url = CallbackUrl::parse("https://app.example:8443/a/hook?key=1&b=").unwrap();
        assert_eq!((url.authority(), url.path()), ("app.example:8443", "/a/hook?key=1&b="));
        assert_eq!(CallbackUrl::parse("https://app.example").unwrap().path(), "/");
    }
}
