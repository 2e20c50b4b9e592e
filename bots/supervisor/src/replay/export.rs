//! The export of a channel: one file with everything that is needed to replay its bots.

use std::collections::BTreeMap;

use mcp_multiplayer_protocol::{BotId, ChannelId, Entry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::EgressExchange;

/// The value of [`Export::format`].
pub const FORMAT: &str = "mcp-multiplayer/export/v2";

/// A channel's log, its bots, and their recorded network traffic.
///
/// Private entries and secret seeds are included unless the exporter left them out. Sealed secrets of bots never
/// are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// [`FORMAT`].
    pub format: String,
    /// The channel.
    pub channel_id: ChannelId,
    /// The largest body of a bot's post, in bytes, on the relay that ran it.
    pub body_bytes: usize,
    /// The whole log, from the first entry.
    pub entries: Vec<Entry>,
    /// Every bot that was ever attached.
    pub bots: BTreeMap<BotId, ExportedBot>,
    /// Network traffic of hooks, in the order of the log.
    #[serde(default)]
    pub exchanges: Vec<ExportedExchange>,
}

/// A bot as it was attached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedBot {
    /// Its source text.
    pub source: String,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// The latest seed that the exporter may show; all earlier ones follow from it.
    #[serde(default)]
    pub seed: Option<ExportedSeed>,
}

/// A seed of a bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedSeed {
    /// Its epoch, from 0.
    pub epoch: u32,
    /// 64 hex digits.
    pub seed: String,
}

/// Network traffic of one hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedExchange {
    /// The bot.
    pub bot_id: BotId,
    /// The entry that started the hook.
    pub trigger: u64,
    /// Number of the hook among those that the entry started for the bot, from 0.
    pub step: u32,
    /// Requests and responses; `None` where they contained a sealed secret.
    pub record: Option<Vec<EgressExchange>>,
}
