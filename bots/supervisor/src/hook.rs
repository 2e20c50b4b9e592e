//! One call into a bot.

use std::collections::BTreeMap;

use mcp_multiplayer_protocol::Secret;
use mcp_multiplayer_protocol::channel::Hook;
use serde::Serialize;
use serde_json::Value;

/// A hook to run, with all that it may know.
#[derive(Debug, Clone, Serialize)]
pub struct HookRequest {
    /// Which method.
    pub hook: Hook,
    /// What `ctx.channel_id` says.
    pub channel_id: String,
    /// What `ctx.bot_id` says.
    pub bot_id: String,
    /// The time of the triggering entry, in milliseconds since 1970: `ctx.now` in seconds.
    pub now_ms: i64,
    /// The bot's state as JSON text, as its last commit left it; `None` before the first.
    pub state: Option<String>,
    /// What the runtime keeps for the bot between hooks, as JSON text of its own making.
    pub kept: Option<String>,
    /// Who holds a slot now.
    pub players: Vec<Player>,
    /// The channel's slots that are not closed, filled or not: `ctx.slots`.
    pub slots: Vec<Slot>,
    /// Where the bot's randomness comes from.
    pub stream: Stream,
    /// The bot's sealed secrets: `ctx.env`.
    pub env: BTreeMap<String, Secret>,
    /// The method's arguments, in order.
    pub args: Vec<Value>,
}

/// A bot's keystream: HMAC-SHA256 of a key over 0, 1, 2, … as 8 bytes, big-endian.
#[derive(Debug, Clone, Serialize)]
pub struct Stream {
    /// Which of the bot's seeds is in force.
    pub epoch: u32,
    /// Whether it is the last one, and so cannot be revealed.
    pub last: bool,
    /// The slots whose players' entropy is in it; `None` before `ctx.start()`.
    pub open: Option<Vec<String>>,
    /// How many bytes were drawn from it.
    pub position: u64,
    /// The slots whose players' entropy would be in it if it were opened now.
    pub seated: Vec<String>,
    /// Its key, as hex.
    pub key: Secret,
    /// Its key after `ctx.start()`.
    pub start_key: Secret,
    /// Its key after `ctx.reveal()`, where that is known.
    pub next_key: Option<Secret>,
    /// Its key after `ctx.reveal()` and `ctx.start()`.
    pub next_start_key: Option<Secret>,
}

/// A player, as bots see it in `ctx.players`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Player {
    /// `s1`.
    pub slot_id: String,
    /// The slot's label.
    pub label: String,
}

/// A slot, as bots see it in `ctx.slots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// `s1`.
    pub slot_id: String,
    /// Its label.
    pub label: String,
    /// `bot` or `invite`.
    pub kind: &'static str,
    /// Whether a player or a bot holds it.
    pub filled: bool,
}
