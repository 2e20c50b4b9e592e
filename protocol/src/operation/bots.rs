use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::IdempotencyKey;
use crate::{BotId, ChannelId, Hash, Secret, SlotId, limits};

/// A preset (`code_ref`) or source text (`inline_code`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BotSpec {
    /// By default the preset's or the class's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// '1.0' by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Such as 'builtin://GuessBot'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_ref: Option<String>,
    /// Python source with one bot class, up to 256 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_code: Option<String>,
    /// For players: summary, hooks, emits, params.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Map<String, Value>>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Map<String, Value>>,
    /// Secrets for its code, as ctx.env.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, Secret>>,
    /// 'bot:label' or 's0'; by default the first empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
}

/// Arguments of `attach_bot`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachBot {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// Up to 100 characters.
    #[schemars(length(max = limits::NAME_CHARS), regex(pattern = limits::NAME_PATTERN))]
    pub name: String,
    /// A preset, 'builtin://GuessBot'; or inline_code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_ref: Option<String>,
    /// Python source with one bot class, up to 256 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_code: Option<String>,
    /// For players: summary, hooks, emits, params.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Map<String, Value>>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Map<String, Value>>,
    /// Secrets for its code, as ctx.env.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, Secret>>,
    /// Your seat, if several; not the bot's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// Your own text; a repeat with the same key changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Result of [`AttachBot`], returned after the bot's `on_init` is durable.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BotAttached {
    /// The bot's id.
    pub bot_id: BotId,
    /// The slot that it fills.
    pub slot_id: SlotId,
    /// SHA-256 of its source text.
    pub code_hash: Hash,
    /// SHA-256 of its manifest's canonical JSON.
    pub manifest_hash: Hash,
}

/// Arguments of `get_bot_code`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetBotCode {
    /// 'chn_…'; or invite_code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// To read it before you join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_code: Option<Secret>,
    /// 'bot_…', from bots[].
    pub bot_id: BotId,
    /// next_offset of the previous part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// code_hash of a source that you have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hash: Option<Hash>,
}

/// Result of [`GetBotCode`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BotCode {
    /// The bot.
    pub bot_id: BotId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The source text, for inline bots; absent if the caller has it (`known_hash`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_code: Option<String>,
    /// The preset's name, for presets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_ref: Option<String>,
    /// The source text, for presets; absent if the caller has it (`known_hash`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Offset of the next part in bytes of the source, if the source did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// The bot's manifest.
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
