//! A channel as one file: all that is needed to run its referees again.

use std::collections::BTreeMap;

use mcp_multiplayer_protocol::{BotId, ChannelId, Entry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::Step;

/// The value of [`Export::format`].
pub const FORMAT: &str = "mcp-multiplayer/export/v1";

/// A channel's log, its bots, and what they exchanged with the outside world.
///
/// It holds what the exporter knows, private entries and secret seeds included, unless they were left
/// out. It never holds sealed secrets.
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
    /// What hooks exchanged with the outside world, in the order of the log.
    #[serde(default)]
    pub exchanges: Vec<ExportedExchange>,
}

/// A bot as it was attached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedBot {
    /// Its name.
    pub name: String,
    /// Its source text.
    pub source: String,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// Whether it has sealed secrets.
    #[serde(default)]
    pub has_env: bool,
    /// The latest seed that is known, which opens all before it.
    #[serde(default)]
    pub seed: Option<ExportedSeed>,
}

/// A seed of a bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedSeed {
    /// Its number, from 0.
    pub epoch: u32,
    /// 64 hex digits.
    pub seed: String,
}

/// What one hook exchanged with the outside world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedExchange {
    /// The bot.
    pub bot_id: BotId,
    /// The entry that started the hook.
    pub trigger: u64,
    /// The number of the hook among those that the entry started for the bot.
    pub step: u32,
    /// Questions and answers; `None` where a sealed secret was in them.
    pub record: Option<Vec<Step>>,
}
