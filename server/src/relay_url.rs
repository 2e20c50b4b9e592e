use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// Address of a relay's WebSocket endpoint: a `ws://` or `wss://` URL that ends in `/ws`.
///
/// It is parsed from any address of the relay that people may have: with `http://` or `https://`, with or without
/// `/ws`, or with `/mcp` instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayUrl {
    host: String,
    port: u16,
    encrypted: bool,
    uri: Uri,
}

/// Error for a text that is not the address of a relay.
#[derive(Debug, thiserror::Error)]
#[error(
    "'{0}' is not the address of a relay. It starts with https:// or wss://, or on this computer with http:// or ws://. \
     Examples: https://relay.example.com, ws://127.0.0.1:8100"
)]
pub struct RelayUrlError(String);

impl RelayUrl {
    /// Returns the URL.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the path of another endpoint of the relay, such as `receipt`, and the host as a `Host` header names it.
    pub(crate) fn endpoint(&self, name: &str) -> (String, &str) {
        (format!("{}/{name}", self.base_path()), self.uri.authority().map_or("", |authority| authority.as_str()))
    }

    /// Returns the relay's public URL in its normal form: `https://` or `http://`, without a default port, and without a
    /// trailing slash.
    pub(crate) fn base(&self) -> String {
        let (scheme, default_port) = if self.encrypted { ("https", 443) } else { ("http", 80) };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = if self.port == default_port { String::new() } else { format!(":{}", self.port) };
        format!("{scheme}://{host}{port}{}", self.base_path())
    }

    /// Returns the path of the relay's public URL; empty if it has none.
    pub(crate) fn base_path(&self) -> &str {
        self.uri.path().strip_suffix("/ws").unwrap_or_default()
    }

    /// Returns the host and port to connect to.
    pub(crate) fn authority(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Returns whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Returns whether the relay is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl FromStr for RelayUrl {
    type Err = RelayUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // An address with a password must not be repeated in errors and logs.
        let shown = if text.contains('@') { "(an address with '@')" } else { text };
        let invalid = || RelayUrlError(shown.to_owned());
        let given: Uri = text.trim().parse().map_err(|_| invalid())?;
        let (scheme, encrypted) = match given.scheme_str() {
            Some("ws" | "http") => ("ws", false),
            Some("wss" | "https") => ("wss", true),
            _ => return Err(invalid()),
        };
        let authority = given.authority().ok_or_else(invalid)?;
        if authority.as_str().contains('@') || given.query().is_some() {
            return Err(invalid());
        }
        let path = given.path().trim_end_matches('/');
        let base = path.strip_suffix("/ws").or_else(|| path.strip_suffix("/mcp")).unwrap_or(path);
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(invalid());
        }
        let port = given.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let uri = format!("{scheme}://{authority}{base}/ws").parse().map_err(|_| invalid())?;
        Ok(Self { host, port, encrypted, uri })
    }
}

#[cfg(test)]
mod tests {
    use super::RelayUrl;

    #[test]
    fn any_address_of_a_relay_is_converted_to_its_websocket_endpoint() {
        let cases = [
            ("ws://127.0.0.1:8100/ws", "ws://127.0.0.1:8100/ws", true),
            ("http://localhost:8100", "ws://localhost:8100/ws", true),
            ("http://localhost:8100/mcp", "ws://localhost:8100/ws", true),
            ("https://relay.example.com/", "wss://relay.example.com/ws", false),
            ("wss://relay.example.com/games/ws/", "wss://relay.example.com/games/ws", false),
            ("https://relay.example.com/games", "wss://relay.example.com/games/ws", false),
            ("ws://[::1]:8100", "ws://[::1]:8100/ws", true),
            ("ws://127.0.0.1.example.com", "ws://127.0.0.1.example.com/ws", false),
        ];
        for (given, expected, loopback) in cases {
            let url: RelayUrl = given.parse().unwrap();
            assert_eq!((url.to_string().as_str(), url.is_loopback()), (expected, loopback), "{given}");
        }
        let url: RelayUrl = "https://relay.example.com".parse().unwrap();
        assert_eq!(url.authority(), ("relay.example.com", 443));
        let url: RelayUrl = "https://relay.example.com:8443/games/mcp".parse().unwrap();
        assert_eq!(url.endpoint("receipt"), ("/games/receipt".to_owned(), "relay.example.com:8443"));
    }

    #[test]
    fn the_public_url_has_one_form() {
        for (given, base) in [
            ("wss://Relay.example.com:443/ws", "https://relay.example.com"),
            ("https://relay.example.com/games/mcp", "https://relay.example.com/games"),
            ("http://localhost:80", "http://localhost"),
            ("ws://[::1]:8100", "http://[::1]:8100"),
        ] {
            assert_eq!(given.parse::<RelayUrl>().unwrap().base(), base, "{given}");
        }
    }

    #[test]
    fn invalid_addresses_are_refused_without_showing_passwords() {
        for given in ["", "relay", "ftp://relay.example.com", "ws://", "/ws", "ws://h/ws?token=1"] {
            assert!(given.parse::<RelayUrl>().is_err(), "{given}");
        }
        let error = "ws://alice:hunter2@h/ws".parse::<RelayUrl>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
