use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::checkpoint::LogIdentity;
use crate::{BotId, ChannelId, Entry, Hash, Salt};

/// The value of [`Header::format`].
pub const FORMAT: &str = "mcp-multiplayer/receipt/v2";

/// One line of a receipt: an object with one field, which names what it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Header(Header),
    /// An entry. Those of a log follow each other from 1 on.
    Entry(Entry),
    /// The longer log that those entries are the beginning of, for a former member.
    Later(Later),
    /// An entry of the longer log.
    LaterEntry(LaterEntry),
    /// A bot that was attached.
    Bot(ReceiptBot),
    /// The network traffic of a hook.
    Exchange(ReceiptExchange),
    /// The last line: a signed note (C2SP `signed-note`).
    Checkpoint(String),
}

/// The first line of a receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// The channel.
    pub channel_id: ChannelId,
    /// The relay's log; `None` for a game that was played without a relay.
    #[serde(deserialize_with = "Option::deserialize")]
    pub log: Option<LogIdentity>,
    /// For whom the receipt was made: a slot such as `s1`, `owner`, or `operator`.
    pub holder: String,
}

/// The log that a receipt's entries are the beginning of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// Its checkpoint, a signed note.
    pub checkpoint: String,
    /// Proof that the receipt's entries are its beginning (RFC 6962, section 2.1.2).
    pub proof: Vec<Hash>,
}

/// An entry of the log that a receipt's entries are the beginning of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaterEntry {
    /// The entry, with its body.
    pub entry: Entry,
    /// Proof that it is in that log (RFC 6962, section 2.1.1).
    pub proof: Vec<Hash>,
}

/// A bot as it was attached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBot {
    /// Its id.
    pub bot_id: BotId,
    /// Its source text.
    pub source: String,
    /// Its parameters.
    #[serde(deserialize_with = "crate::unique::object")]
    pub params: Map<String, Value>,
    /// The latest seed that the holder may know, beside those that the log reveals.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub seed: Option<ReceiptSeed>,
}

/// Deserializes a field that may be missing, but is not `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A seed of a bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptSeed {
    /// Its epoch, from 0.
    pub epoch: u32,
    /// 64 hex digits.
    pub seed: String,
}

/// The network traffic of one hook.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptExchange {
    /// The bot.
    pub bot_id: BotId,
    /// The entry that started the hook.
    pub trigger: u64,
    /// Number of the hook among those that the entry started for the bot, from 0.
    pub step: u32,
    /// Salt of the hash in the log.
    pub salt: Salt,
    /// The requests and answers, as JSON text, whose salted hash is in the log.
    pub record: String,
}

/// A line that does not belong where it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: u64,
    /// Description, for people.
    pub reason: String,
}

impl Line {
    /// Returns the line as text, with its line feed.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("a line is plain JSON");
        text.push('\n');
        text
    }
}

/// Checks that lines come in their order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    line: u64,
    rank: u8,
}

impl Order {
    /// Parses the next line.
    pub(super) fn parse(&mut self, text: &str) -> Result<Line, LineError> {
        self.line += 1;
        let error = |reason: String| LineError { line: self.line, reason };
        let line: Line =
            serde_json::from_str(text).map_err(|cause| error(format!("not a line of a receipt: {cause}")))?;
        let rank = match &line {
            Line::Header(header) if header.format != FORMAT => {
                return Err(error(format!("the format is not {FORMAT}, which this program knows")));
            }
            Line::Header(_) => 1,
            Line::Entry(_) => 2,
            Line::Later(_) => 3,
            Line::LaterEntry(_) => 4,
            Line::Bot(_) => 5,
            Line::Exchange(_) => 6,
            Line::Checkpoint(_) => 7,
        };
        let is_once = matches!(line, Line::Header(_) | Line::Later(_) | Line::Checkpoint(_));
        let is_without_log = rank == 4 && !matches!(self.rank, 3 | 4);
        if (rank == 1) != (self.line == 1) || rank < self.rank || rank == self.rank && is_once || is_without_log {
            let reason = "a receipt consists of a header, entries, perhaps a later log with entries of it, bots, exchanges and a checkpoint, in this order";
            return Err(error(reason.to_owned()));
        }
        self.rank = rank;
        Ok(line)
    }
}
