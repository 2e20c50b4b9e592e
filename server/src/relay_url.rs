use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// Where a relay is: a `ws://` or `wss://` address that ends in `/ws`.
///
/// Read from any address of the relay that people have at hand: with `http://` or `https://`, with or without
/// `/ws`, or with `/mcp` in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayUrl {
    host: String,
    port: u16,
    encrypted: bool,
    uri: Uri,
}

/// A text that is not a relay's address.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a relay's address, such as wss://relay.example.com or ws://127.0.0.1:8100")]
pub struct RelayUrlError(String);

impl RelayUrl {
    /// The address itself.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Host and port, as a socket is opened to them.
    pub(crate) fn authority(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether what is sent there is encrypted on its way.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether it is on this machine.
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
        // A password would be shown again by errors and logs.
        let shown = if text.contains('@') { "(an address with '@')" } else { text };
        let wrong = || RelayUrlError(shown.to_owned());
        let given: Uri = text.trim().parse().map_err(|_| wrong())?;
        let (scheme, encrypted) = match given.scheme_str() {
            Some("ws" | "http") => ("ws", false),
            Some("wss" | "https") => ("wss", true),
            _ => return Err(wrong()),
        };
        let authority = given.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') || given.query().is_some() {
            return Err(wrong());
        }
        let path = given.path().trim_end_matches('/');
        let base = path.strip_suffix("/ws").or_else(|| path.strip_suffix("/mcp")).unwrap_or(path);
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(wrong());
        }
        let port = given.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let uri = format!("{scheme}://{authority}{base}/ws").parse().map_err(|_| wrong())?;
        Ok(Self { host, port, encrypted, uri })
    }
}

#[cfg(test)]
mod tests {
    use super::RelayUrl;

    #[test]
    fn any_address_of_a_relay_leads_to_its_websocket() {
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
        for (given, dialed, loopback) in cases {
            let url: RelayUrl = given.parse().unwrap();
            assert_eq!((url.to_string().as_str(), url.is_loopback()), (dialed, loopback), "{given}");
        }
        let url: RelayUrl = "https://relay.example.com".parse().unwrap();
        assert_eq!(url.authority(), ("relay.example.com", 443));
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_passwords() {
        for given in ["", "relay", "ftp://relay.example.com", "ws://", "/ws", "ws://h/ws?token=1"] {
            assert!(given.parse::<RelayUrl>().is_err(), "{given}");
        }
        let error = "ws://alice:hunter2@h/ws".parse::<RelayUrl>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
