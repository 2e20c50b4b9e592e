use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// The label of an entry: 1 to 64 ASCII letters, digits, `_`, `-`, `.` or `:`.
///
/// It carries no authority: only [`crate::Sender`] identifies who wrote an entry.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Kind(std::borrow::Cow<'static, str>);

/// Error for a text that cannot label an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a kind is 1 to 64 ASCII letters, digits, '_', '-', '.' or ':'")]
pub struct KindError;

impl Kind {
    /// A player's public message.
    pub const USER: Self = Self(std::borrow::Cow::Borrowed("user"));
    /// A message between one player and one bot.
    pub const PRIVATE: Self = Self(std::borrow::Cow::Borrowed("private"));
    /// A statement of the relay about the channel.
    pub const SYSTEM: Self = Self(std::borrow::Cow::Borrowed("system"));
    /// A statement of the relay about a bot that failed.
    pub const CONTROL: Self = Self(std::borrow::Cow::Borrowed("control"));
    /// An entry that only verifiers need; `sync_messages` omits it unless asked for it.
    pub const TRACE: Self = Self(std::borrow::Cow::Borrowed("trace"));

    /// Returns the label's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether players may not use this label, in upper or lower case, because readers would take the entry for
    /// one of a bot or of the relay.
    pub fn is_reserved(&self) -> bool {
        let kind = self.as_str().to_ascii_lowercase();
        matches!(kind.as_str(), "system" | "control" | "bot" | "private" | "trace") || kind.starts_with("bot:")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        if (1..=64).contains(&text.len()) && text.bytes().all(valid) {
            Ok(Self(text.to_owned().into()))
        } else {
            Err(KindError)
        }
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Kind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Kind".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9A-Za-z_.:-]{1,64}$" })
    }
}
