use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::IdempotencyKey;
use crate::{BotId, ChannelId, Hash, Secret, SlotId, limits};

/// A bot to be attached: a preset by `code_ref`, or source text by `inline_code`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BotSpec {
    /// The bot's name, up to 100 characters; by default the preset's, else 'CustomBot'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The bot's version, as its author counts; by default '1.0'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// A preset: 'builtin://GuessBot'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_ref: Option<String>,
    /// Python source with one bot class, up to 256 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_code: Option<String>,
    /// What the bot says of itself: summary, hooks, emits, params.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Map<String, Value>>,
    /// Parameters for the bot; they win over manifest.params.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Map<String, Value>>,
    /// Secrets for the bot, such as API keys; only its code sees them, as ctx.env.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, Secret>>,
    /// The bot slot it takes, as 'bot:label' or 's0'; by default the first empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
}

/// Adds a bot to a channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachBot {
    /// The channel, 'chn_…'.
    pub channel_id: ChannelId,
    /// The bot's name, up to 100 characters.
    #[schemars(length(max = limits::NAME_CHARS), regex(pattern = limits::NAME_PATTERN))]
    pub name: String,
    /// A preset: 'builtin://GuessBot'. Either this or inline_code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_ref: Option<String>,
    /// Python source with one bot class, up to 256 KiB. Either this or code_ref.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_code: Option<String>,
    /// What the bot says of itself: summary, hooks, emits, params.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Map<String, Value>>,
    /// Parameters for the bot; they win over manifest.params.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Map<String, Value>>,
    /// Secrets for the bot, such as API keys; only its code sees them, as ctx.env.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, Secret>>,
    /// Your seat, if you hold several in this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// Any text of your own; a repeat with the same key changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// What [`AttachBot`] returns, once the bot's `on_init` is durable.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BotAttached {
    /// The bot's id.
    pub bot_id: BotId,
    /// Where it sits.
    pub slot_id: SlotId,
    /// SHA-256 of its source text.
    pub code_hash: Hash,
    /// SHA-256 of its manifest's canonical JSON.
    pub manifest_hash: Hash,
}

/// The exact code of a bot.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetBotCode {
    /// The channel, 'chn_…'.
    pub channel_id: ChannelId,
    /// The bot, 'bot_…', as bots[] lists it.
    pub bot_id: BotId,
    /// Where to go on reading source that did not fit: the previous answer's next_offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// What [`GetBotCode`] returns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BotCode {
    /// The bot.
    pub bot_id: BotId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The source text, for inline bots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_code: Option<String>,
    /// The preset's name, for presets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_ref: Option<String>,
    /// The source text, for presets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where to go on reading, in bytes of the source, when it did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// What the bot says of itself.
    pub manifest: Map<String, Value>,
    /// The parameters it runs with.
    pub params: Map<String, Value>,
    /// SHA-256 of the whole source text.
    pub code_hash: Hash,
    /// SHA-256 of the manifest's canonical JSON.
    pub manifest_hash: Hash,
    /// SHA-256 of the params' canonical JSON.
    pub params_hash: Hash,
}
