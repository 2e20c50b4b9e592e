//! One call into a bot.

use mcp_multiplayer_protocol::channel::Hook;
use serde::Serialize;
use serde_json::Value;

/// A hook to run, with all that it may know.
#[derive(Debug, Clone, Serialize)]
pub struct HookCall {
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
    /// Who holds a slot now.
    pub players: Vec<Player>,
    /// The channel's slots that are not closed, filled or not: `ctx.slots`.
    pub slots: Vec<Slot>,
    /// The method's arguments, in order.
    pub args: Vec<Value>,
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
