use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Body, BodyError, BotId, ChannelId, Hash, IdParseError, Kind, SlotId, SystemEvent, Timestamp};

/// Domain separator that is hashed in front of a body, so that its hash cannot be mistaken for a hash of other data.
const BODY_DOMAIN: &[u8] = b"mcp-multiplayer/body/v2\0";

/// Sender of an entry. Set by the relay, never by the caller.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sender {
    /// The player who holds a seat; written as its slot, `s1`.
    Slot(SlotId),
    /// A bot; written `bot:<bot_id>`.
    Bot(BotId),
    /// The relay; written `system`.
    System,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot_id) => write!(f, "{slot_id}"),
            Self::Bot(bot_id) => write!(f, "bot:{bot_id}"),
            Self::System => f.write_str("system"),
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sender {
    type Err = IdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("bot:") {
            Some(bot_id) => Ok(Self::Bot(bot_id.parse()?)),
            None if text == "system" => Ok(Self::System),
            None => Ok(Self::Slot(text.parse()?)),
        }
    }
}

impl Serialize for Sender {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sender {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Sender {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sender".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(system|s[0-9]{1,2}|bot:bot_[0-9A-Za-z_-]{1,48})$" })
    }
}

/// Evidence that the sender wrote the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The relay's own statement; written `relay-attested`.
    RelayAttested,
    /// A statement signed by the author; written as its hash.
    Statement(Hash),
}

impl Serialize for Author {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::RelayAttested => serializer.serialize_str("relay-attested"),
            Self::Statement(hash) => hash.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Author {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        if text == "relay-attested" {
            return Ok(Self::RelayAttested);
        }
        text.parse().map(Self::Statement).map_err(serde::de::Error::custom)
    }
}

/// 32 random bytes that prevent guessing a private body from its hash; 64 hex digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[salt]")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&HEXLOWER.encode_display(&self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("a salt has 64 lower-case hex digits"))
    }
}

/// The part of an entry that becomes a leaf of the Merkle tree: everything except the body, which is replaced by its hash.
///
/// The fields are declared in the order of their names, which is the order of RFC 8785; [`canonical_bytes`](Self::canonical_bytes)
/// relies on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Evidence that the sender wrote the entry.
    pub author: Author,
    /// [`Content::hash`] of the body and its salt.
    pub body_hash: Hash,
    /// Id of the entry that triggered the hook which produced this entry.
    #[serde(deserialize_with = "Option::deserialize")]
    pub cause: Option<u64>,
    /// The channel.
    pub channel_id: ChannelId,
    /// The entry's sequence number in its channel: 1, 2, 3, …
    pub id: u64,
    /// Label of the entry.
    pub kind: Kind,
    /// The sender.
    pub sender: Sender,
    /// The only slot besides the sender's that may read the body; `null` for everyone.
    #[serde(deserialize_with = "Option::deserialize")]
    pub to_slot: Option<SlotId>,
    /// For a private entry to a player, the tenure that it is for: the id of the `member:join` entry that began it. The next
    /// holder of the slot may not read it.
    #[serde(deserialize_with = "Option::deserialize")]
    pub to_tenure: Option<u64>,
    /// Time at which the relay accepted the entry; never earlier than that of the previous entry.
    pub ts: Timestamp,
    /// Version of the envelope format: [`Envelope::VERSION`].
    pub v: u8,
}

impl Envelope {
    /// Version of the envelope format.
    pub const VERSION: u8 = 2;

    /// Returns the bytes of the log's leaf: RFC 8785 canonical JSON.
    ///
    /// Ordinary JSON is canonical here, and many times faster: the fields are in order, there are no spaces, no string needs an
    /// escape, and integers are written with all their digits, as RFC 8785 writes those below 2⁵³.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an envelope is plain JSON")
    }

    /// Returns the hash of the entry's leaf in the channel's Merkle tree (RFC 6962, section 2.1).
    pub fn leaf_hash(&self) -> Hash {
        crate::merkle::leaf_hash(&self.canonical_bytes())
    }
}

/// A body and the salt that it is hashed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The salt.
    pub salt: Salt,
    /// The body.
    pub body: Body,
}

impl Content {
    /// `SHA-256("mcp-multiplayer/body/v2" ‖ 0x00 ‖ salt ‖ JCS(body))`.
    pub fn hash(&self) -> Hash {
        Hash::of(&[BODY_DOMAIN, &self.salt.0, self.body.as_str().as_bytes()])
    }
}

/// One record of a channel's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The part that becomes a leaf of the Merkle tree.
    pub envelope: Envelope,
    /// The body and its salt; `None` if they were deleted, or if the reader of a transcript may not see them.
    #[serde(deserialize_with = "Option::deserialize")]
    pub content: Option<Content>,
}

impl Entry {
    /// Returns the entry's sequence number.
    pub fn id(&self) -> u64 {
        self.envelope.id
    }

    /// Returns the body, unless it was deleted or withheld.
    pub fn body(&self) -> Option<&Body> {
        self.content.as_ref().map(|content| &content.body)
    }

    /// Returns the label and the body that the sender chose. Those of a bot's DM are both in the entry's body; its label is
    /// [`Kind::PRIVATE`] if the body is missing.
    pub fn message(&self) -> (Kind, Option<Body>) {
        match (self.direct_message(), self.body()) {
            (Some(DirectMessage { kind, body }), _) => (kind, Some(body)),
            (None, body) => (self.envelope.kind.clone(), body.cloned()),
        }
    }

    /// Returns `true` for an entry that only a verifier needs: one of the kind [`Kind::TRACE`], also within a DM.
    pub fn is_trace(&self) -> bool {
        self.envelope.kind == Kind::TRACE || self.direct_message().is_some_and(|message| message.kind == Kind::TRACE)
    }

    /// The event that the entry states, if it is one of the relay's own.
    pub fn event(&self) -> Option<SystemEvent> {
        if self.envelope.sender == Sender::System { self.body()?.parse().ok() } else { None }
    }

    /// Parses the body of a bot's DM; `None` if the entry is not one, or its body is missing.
    pub fn direct_message(&self) -> Option<DirectMessage> {
        let is_dm = self.envelope.to_slot.is_some() && matches!(self.envelope.sender, Sender::Bot(_));
        if is_dm { self.body()?.parse().ok() } else { None }
    }
}

/// Body of a bot's DM. The label is in it because a label such as `bust`, which everybody could read, may give a secret away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectMessage {
    /// The label that the bot chose.
    pub kind: Kind,
    /// The body that the bot chose.
    pub body: Body,
}

impl DirectMessage {
    /// Returns it as the body of an entry; fails if the bot's body is nested as deeply as a body may be.
    pub fn to_body(&self) -> Result<Body, BodyError> {
        let fields = [("kind", self.kind.as_str().into()), ("body", self.body.parse().expect("a body is JSON"))];
        Body::new("body", fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::{Author, Envelope};
    use crate::{ChannelId, Hash, SlotId, Timestamp, limits};

    const NUMBERS: std::ops::RangeInclusive<u64> = 0..=limits::SAFE_INTEGER.unsigned_abs();

    proptest! {
        #[test]
        fn canonical_bytes_are_those_of_rfc_8785(
            is_signed: bool,
            channel_id: [u8; 10],
            (id, cause, to_tenure) in (NUMBERS, option::of(NUMBERS), option::of(NUMBERS)),
            kind in "[0-9A-Za-z_.:-]{1,64}",
            sender in "system|s[0-9]|bot:bot_[0-9A-Za-z_-]{1,48}",
            to_slot in option::of(0..limits::SLOTS),
            (ts, v) in (any::<i64>(), any::<u8>()),
        ) {
            let envelope = Envelope {
                author: if is_signed { Author::Statement(Hash::of(&[b"statement"])) } else { Author::RelayAttested },
                body_hash: Hash::of(&[&channel_id]),
                cause,
                channel_id: ChannelId::from_bytes(channel_id),
                id,
                kind: kind.parse().unwrap(),
                sender: sender.parse().unwrap(),
                to_slot: to_slot.map(SlotId::at),
                to_tenure,
                ts: Timestamp::from_millis(ts),
                v,
            };
            prop_assert_eq!(envelope.canonical_bytes(), serde_json_canonicalizer::to_vec(&envelope).unwrap());
        }
    }
}
