use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::channel::Tenure;
use crate::{Author, Body, ChannelId, Content, Entry, Envelope, Hash, Kind, Salt, Sender, SlotId, Timestamp, limits};

/// Arguments of `read_log`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadLog {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// The entries after this one; 0 reads from the start.
    pub after: u64,
    /// Maximum number of entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::LOG_PAGE_ENTRIES))]
    pub limit: Option<u32>,
    /// Your seat, if several, for what is private to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
}

/// Result of [`ReadLog`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LogRead {
    /// The entries.
    #[serde(flatten)]
    pub page: LogPage,
    /// Signed note with the size and root of the log up to the last of these entries; of the present log, if there are none.
    pub checkpoint: String,
}

/// Consecutive entries of a log, for one reader.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LogPage {
    /// The entries, without gaps, as many as fit.
    pub entries: Vec<LogEntry>,
    /// The seat that the reader reads from; past ones for a former member; none for an owner without a seat, or who did not say
    /// which of several seats reads.
    pub reader: Vec<Tenure>,
}

/// An entry on its way to a reader, without what the reader can derive: the version, the channel, the id, and the hash of a
/// body that is there. Either `leaf`, or the fields of an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// Hash of the leaf, for an entry after the reader's time in the channel. Nothing else is told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaf: Option<Hash>,
    /// Time at which the relay accepted the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ts: Option<Timestamp>,
    /// The sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<Sender>,
    /// Label of the entry; absent for `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    /// The only slot besides the sender's that may read the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_slot: Option<SlotId>,
    /// The tenure that a private entry to a player is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_tenure: Option<u64>,
    /// Id of the entry that triggered the hook which produced this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<u64>,
    /// Hash of the author's signed statement; absent if the relay attests the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<Hash>,
    /// Hash of a body that is not for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_hash: Option<Hash>,
    /// The salt that the body is hashed with, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    salt: Option<Salt>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
}

/// An entry as a reader received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logged {
    /// The entry, without content if that is not for the reader.
    Entry(Entry),
    /// The hash of the leaf of an entry after the reader's time in the channel.
    Leaf(Hash),
}

impl LogEntry {
    /// The form of an entry, with its content only if the reader may read it.
    pub fn of(entry: &Entry, may_read: bool) -> Self {
        let Entry { envelope, content } = entry;
        let content = content.as_ref().filter(|_| may_read);
        Self {
            leaf: None,
            ts: Some(envelope.ts),
            sender: Some(envelope.sender.clone()),
            kind: Some(envelope.kind.clone()).filter(|kind| *kind != Kind::USER),
            to_slot: envelope.to_slot,
            to_tenure: envelope.to_tenure,
            cause: envelope.cause,
            author: match envelope.author {
                Author::RelayAttested => None,
                Author::Statement(hash) => Some(hash),
            },
            body_hash: if content.is_some() { None } else { Some(envelope.body_hash) },
            salt: content.map(|content| content.salt),
            body: content.map(|content| content.body.clone()),
        }
    }

    /// The form of an entry of which the reader may only know that it is there.
    pub fn leaf_of(entry: &Entry) -> Self {
        Self { leaf: Some(entry.envelope.leaf_hash()), ..Self::default() }
    }

    /// Restores the entry with this id in this channel. The error says which field is missing or superfluous.
    pub fn restore(self, channel_id: ChannelId, id: u64) -> Result<Logged, &'static str> {
        if let Some(leaf) = self.leaf {
            let is_alone = self == Self { leaf: Some(leaf), ..Self::default() };
            return if is_alone { Ok(Logged::Leaf(leaf)) } else { Err("an entry has either a leaf or other fields") };
        }
        let (content, body_hash) = match (self.salt, self.body, self.body_hash) {
            (Some(salt), Some(body), None) => {
                let content = Content { salt, body };
                let hash = content.hash();
                (Some(content), hash)
            }
            (None, None, Some(hash)) => (None, hash),
            _ => return Err("an entry has either a body with its salt, or the hash of both"),
        };
        let envelope = Envelope {
            v: Envelope::VERSION,
            channel_id,
            id,
            ts: self.ts.ok_or("an entry has a ts")?,
            sender: self.sender.ok_or("an entry has a sender")?,
            kind: self.kind.unwrap_or(Kind::USER),
            to_slot: self.to_slot,
            to_tenure: self.to_tenure,
            cause: self.cause,
            body_hash,
            author: self.author.map_or(Author::RelayAttested, Author::Statement),
        };
        Ok(Logged::Entry(Entry { envelope, content }))
    }
}

impl Logged {
    /// The hash of the entry's leaf.
    pub fn leaf_hash(&self) -> Hash {
        match self {
            Self::Entry(entry) => entry.envelope.leaf_hash(),
            Self::Leaf(hash) => *hash,
        }
    }

    /// The entry, if it is more than a leaf.
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Leaf(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LogEntry;

    #[test]
    fn entries_of_another_form_are_refused() {
        let hash = format!("sha256:{}", "0".repeat(64));
        let salt = "0".repeat(64);
        for text in [
            "{}".to_owned(),
            format!(r#"{{"leaf":"{hash}","sender":"s1"}}"#),
            format!(r#"{{"ts":"2026-11-20T12:00:00.000Z","body_hash":"{hash}"}}"#),
            format!(r#"{{"sender":"s1","body_hash":"{hash}"}}"#),
            r#"{"ts":"2026-11-20T12:00:00.000Z","sender":"s1","body":{}}"#.to_owned(),
            format!(r#"{{"ts":"2026-11-20T12:00:00.000Z","sender":"s1","salt":"{salt}","body_hash":"{hash}"}}"#),
            format!(
                r#"{{"ts":"2026-11-20T12:00:00.000Z","sender":"s1","salt":"{salt}","body":{{}},"body_hash":"{hash}"}}"#
            ),
        ] {
            let entry: LogEntry = serde_json::from_str(&text).unwrap();
            assert!(entry.restore("chn_0123456789abcdef".parse().unwrap(), 1).is_err(), "{text}");
        }
    }
}
