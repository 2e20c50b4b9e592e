//! Requests that a bot makes to the network while a hook runs, and the trait that performs them.

use std::fmt;
use std::sync::Arc;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::Instant;

/// A future that a [`HookEgress`] returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes the outgoing connections of bots.
pub trait Egress: Send + Sync + fmt::Debug {
    /// Starts the egress of one hook, which must finish by `deadline`; `None` if the bot has no network. `secrets` must not
    /// appear in logs.
    fn open(
        &self,
        channel_id: &str,
        bot_id: &str,
        deadline: Instant,
        secrets: Arc<[String]>,
    ) -> Option<Box<dyn HookEgress>>;
}

/// The egress of one hook; dropping it closes its connections.
pub trait HookEgress: Send {
    /// Performs a request. A failure is a response, too.
    fn ask(&mut self, request: EgressRequest) -> BoxFuture<'_, EgressResponse>;
}

/// A bot's network request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EgressRequest {
    /// Opens a TCP connection.
    Connect {
        /// A host name or an IP address.
        host: String,
        /// The port.
        port: u16,
        /// Timeout, in milliseconds.
        timeout_ms: u64,
    },
    /// Looks up the addresses of a host name.
    Resolve {
        /// The name.
        host: String,
    },
    /// Starts TLS on a connection.
    Tls {
        /// The connection's number.
        conn: u32,
        /// The name that the certificate must be for, also sent as SNI.
        server_name: Option<String>,
        /// True if the certificate must be valid.
        verify: bool,
        /// Protocols to offer by ALPN.
        #[serde(default)]
        alpn: Vec<String>,
    },
    /// Sends bytes.
    Send {
        /// The connection's number.
        conn: u32,
        /// The bytes.
        data: Bytes,
    },
    /// Receives bytes.
    Receive {
        /// The connection's number.
        conn: u32,
        /// Maximum number of bytes.
        max_bytes: usize,
        /// Timeout for the first byte, in milliseconds.
        timeout_ms: u64,
    },
    /// Closes a connection.
    Close {
        /// The connection's number.
        conn: u32,
    },
}

/// The response to an [`EgressRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EgressResponse {
    /// The connection is open.
    Connected {
        /// Its number, unique within the hook.
        conn: u32,
        /// The peer's address.
        address: String,
    },
    /// The host name was found.
    Resolved {
        /// Its addresses, as text.
        addresses: Vec<String>,
    },
    /// TLS is established.
    Secured {
        /// `TLSv1.3` or `TLSv1.2`.
        version: String,
        /// The cipher suite, by OpenSSL's name.
        cipher: String,
        /// The protocol negotiated by ALPN.
        alpn: Option<String>,
        /// The peer's certificate chain, its own certificate first, each in DER.
        certificates: Vec<Bytes>,
    },
    /// All bytes were sent.
    Sent {},
    /// Bytes were received.
    Received {
        /// The bytes; empty at the end of the stream.
        data: Bytes,
    },
    /// The connection is closed.
    Closed {},
    /// The request failed.
    Failed {
        /// The kind of failure.
        kind: EgressErrorKind,
        /// The reason, for the bot's author.
        message: String,
    },
}

/// Kinds of failure; each becomes a Python exception of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressErrorKind {
    /// The relay's egress rules forbid it.
    Refused,
    /// The host name does not exist.
    Resolve,
    /// The request timed out.
    Timeout,
    /// The TLS handshake failed, or the certificate is invalid.
    Tls,
    /// Too many connections or bytes.
    Limit,
    /// The connection does not exist or is closed.
    Closed,
    /// The address or port cannot be reached.
    Unreachable,
    /// The peer reset the connection.
    Reset,
}

/// Bytes, serialised as base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&BASE64.encode_display(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

impl EgressRequest {
    /// Returns whether a secret is in the data that is sent, verbatim or in one of the usual encodings.
    pub(crate) fn contains(&self, secret: &str) -> bool {
        match self {
            Self::Connect { host, .. } | Self::Resolve { host } => host.contains(secret),
            Self::Tls { server_name, .. } => server_name.as_ref().is_some_and(|name| name.contains(secret)),
            Self::Send { data, .. } => contains_encoded(&data.0, secret),
            Self::Receive { .. } | Self::Close { .. } => false,
        }
    }
}

impl EgressResponse {
    /// Returns whether a secret is in the data that was received.
    pub(crate) fn contains(&self, secret: &str) -> bool {
        match self {
            Self::Received { data } => contains_encoded(&data.0, secret),
            Self::Failed { message, .. } => message.contains(secret),
            _ => false,
        }
    }
}

/// Searches for a secret as it is, in hexadecimal, percent-encoded, and in base64.
fn contains_encoded(bytes: &[u8], secret: &str) -> bool {
    let found = |form: &[u8]| !form.is_empty() && bytes.windows(form.len()).any(|window| window == form);
    let raw = secret.as_bytes();
    // Base64 encodes groups of three bytes, so the encoding of a secret inside a longer text depends on the secret's
    // offset modulo 3. Each offset is tried; characters that also depend on the neighbouring bytes are left out.
    let shifted = (0..3).flat_map(|shift| {
        let mut padded = vec![b' '; shift];
        padded.extend_from_slice(raw);
        let whole = padded.len() / 3 * 3;
        let skip = if shift == 0 { 0 } else { 4 };
        [BASE64.encode(&padded[..whole]), BASE64URL_NOPAD.encode(&padded[..whole])]
            .map(|text| text.get(skip..).unwrap_or_default().to_owned())
    });
    found(raw)
        || found(HEXLOWER.encode(raw).as_bytes())
        || found(percent_encoded(secret).as_bytes())
        || shifted.into_iter().any(|form| form.len() >= 8 && found(form.as_bytes()))
}

fn percent_encoded(text: &str) -> String {
    use fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String can't fail");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_its_usual_encodings() {
        let secret = "sk-p/ss+word=42 & more";
        let contains = |text: String| EgressRequest::Send { conn: 1, data: Bytes(text.into_bytes()) }.contains(secret);
        assert!(contains(format!("Authorization: Bearer {secret}\r\n")));
        assert!(contains(format!("key={}", percent_encoded(secret))));
        assert!(contains(HEXLOWER.encode(secret.as_bytes())));
        for user in ["", "u:", "us:", "user:"] {
            assert!(contains(format!("Basic {}", BASE64.encode(format!("{user}{secret}").as_bytes()))), "{user}");
        }
        assert!(!contains("GET / HTTP/1.1".to_owned()));
    }

    #[test]
    fn requests_are_plain_json() {
        let text = r#"{"send":{"conn":1,"data":"aGk="}}"#;
        let parsed: EgressRequest = serde_json::from_str(text).unwrap();
        assert_eq!(parsed, EgressRequest::Send { conn: 1, data: Bytes(b"hi".to_vec()) });
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        assert!(serde_json::from_str::<EgressRequest>(r#"{"send":{"conn":1,"data":"?"}}"#).is_err());
    }
}
