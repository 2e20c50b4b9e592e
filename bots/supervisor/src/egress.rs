//! What a bot may ask of the outside world, in the midst of a hook, and who answers.

use std::fmt;
use std::sync::Arc;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::Instant;

/// A future that a [`HookEgress`] returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Opens the outside world to hooks.
pub trait Egress: Send + Sync + fmt::Debug {
    /// The way out for one hook, which has until `deadline`. `secrets` must not show in logs.
    fn open(&self, channel_id: &str, bot_id: &str, deadline: Instant, secrets: Arc<[String]>) -> Box<dyn HookEgress>;
}

/// One hook's way out; dropping it closes its connections.
pub trait HookEgress: Send {
    /// Does what is asked, and says what came of it. A failure is an answer.
    fn ask(&mut self, ask: EgressRequest) -> BoxFuture<'_, EgressResponse>;
}

/// Something that a bot asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EgressRequest {
    /// A TCP connection.
    Connect {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
        /// How long it may take, in milliseconds.
        timeout_ms: u64,
    },
    /// The addresses of a name.
    Resolve {
        /// The name.
        host: String,
    },
    /// TLS on a connection.
    Tls {
        /// Which connection.
        conn: u32,
        /// The name that the certificate must be for, also sent as SNI.
        server_name: Option<String>,
        /// Whether the certificate must be valid.
        verify: bool,
        /// Protocols to offer.
        #[serde(default)]
        alpn: Vec<String>,
    },
    /// Bytes for the other end.
    Send {
        /// Which connection.
        conn: u32,
        /// The bytes.
        data: Bytes,
    },
    /// Bytes from the other end.
    Receive {
        /// Which connection.
        conn: u32,
        /// At most so many.
        max_bytes: usize,
        /// How long to wait for the first, in milliseconds.
        timeout_ms: u64,
    },
    /// The end of a connection.
    Close {
        /// Which connection.
        conn: u32,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EgressResponse {
    /// The connection stands.
    Connected {
        /// Its number, among those of the hook.
        conn: u32,
        /// The address at the other end.
        address: String,
    },
    /// The name's addresses.
    Resolved {
        /// As texts.
        addresses: Vec<String>,
    },
    /// TLS stands.
    Secured {
        /// `TLSv1.3` or `TLSv1.2`.
        version: String,
        /// The cipher suite, by OpenSSL's name.
        cipher: String,
        /// The chosen protocol.
        alpn: Option<String>,
        /// What the other end showed, its own first, DER.
        certificates: Vec<Bytes>,
    },
    /// All bytes were taken.
    Sent {},
    /// These came; none at the end of the stream.
    Received {
        /// The bytes.
        data: Bytes,
    },
    /// The connection is closed.
    Closed {},
    /// It could not be done.
    Failed {
        /// What sort of failure.
        kind: EgressErrorKind,
        /// Why, in words for the bot's author.
        message: String,
    },
}

/// Sorts of failure, each with a Python exception of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressErrorKind {
    /// The relay's rules forbid it.
    Refused,
    /// There is no such name.
    Resolve,
    /// It took too long.
    Timeout,
    /// TLS could not be agreed on, or the certificate is not valid.
    Tls,
    /// Too many connections or bytes.
    Limit,
    /// There is no such connection, or it is closed.
    Closed,
    /// Nobody answers at that address or port.
    Unreachable,
    /// The other end broke off.
    Reset,
}

/// Bytes, in base64 where they travel.
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
    /// Whether a secret is in what leaves: as it is, or in one of the usual encodings.
    pub(crate) fn carries(&self, secret: &str) -> bool {
        match self {
            Self::Connect { host, .. } | Self::Resolve { host } => host.contains(secret),
            Self::Tls { server_name, .. } => server_name.as_ref().is_some_and(|name| name.contains(secret)),
            Self::Send { data, .. } => holds(&data.0, secret),
            Self::Receive { .. } | Self::Close { .. } => false,
        }
    }
}

impl EgressResponse {
    /// Whether a secret is in what came back.
    pub(crate) fn carries(&self, secret: &str) -> bool {
        match self {
            Self::Received { data } => holds(&data.0, secret),
            Self::Failed { message, .. } => message.contains(secret),
            _ => false,
        }
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    let found = |form: &[u8]| !form.is_empty() && bytes.windows(form.len()).any(|window| window == form);
    let raw = secret.as_bytes();
    // Base64 of a text in which the secret stands shows a part of it that depends on its place.
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
        let carries = |text: String| EgressRequest::Send { conn: 1, data: Bytes(text.into_bytes()) }.carries(secret);
        assert!(carries(format!("Authorization: Bearer {secret}\r\n")));
        assert!(carries(format!("key={}", percent_encoded(secret))));
        assert!(carries(HEXLOWER.encode(secret.as_bytes())));
        for user in ["", "u:", "us:", "user:"] {
            assert!(carries(format!("Basic {}", BASE64.encode(format!("{user}{secret}").as_bytes()))), "{user}");
        }
        assert!(!carries("GET / HTTP/1.1".to_owned()));
    }

    #[test]
    fn asks_and_answers_are_plain_json() {
        let ask = r#"{"send":{"conn":1,"data":"aGk="}}"#;
        let parsed: EgressRequest = serde_json::from_str(ask).unwrap();
        assert_eq!(parsed, EgressRequest::Send { conn: 1, data: Bytes(b"hi".to_vec()) });
        assert_eq!(serde_json::to_string(&parsed).unwrap(), ask);
        assert!(serde_json::from_str::<EgressRequest>(r#"{"send":{"conn":1,"data":"?"}}"#).is_err());
    }
}
