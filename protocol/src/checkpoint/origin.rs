use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ChannelId;

/// Name of a log, and of the key that signs its checkpoints: like a URL without a scheme, as in `relay.example.org`.
///
/// A relay has one. The log of a channel is `<origin of the relay>/<channel id>`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LogOrigin(Arc<str>);

impl LogOrigin {
    /// Longest origin of a relay, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Returns the name of a channel's log.
    #[must_use]
    pub fn channel(&self, channel_id: ChannelId) -> Self {
        Self(format!("{self}/{channel_id}").into())
    }

    /// Returns the name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LogOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for LogOrigin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if text.is_empty() || text.len() > Self::MAX_BYTES || text.contains(is_refused) {
            return Err("a log's origin is 1 to 255 bytes without spaces, control characters and '+'");
        }
        Ok(Self(text.into()))
    }
}

impl Serialize for LogOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LogOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for LogOrigin {
    fn schema_name() -> Cow<'static, str> {
        "LogOrigin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[^\\s+]{1,255}$" })
    }
}
