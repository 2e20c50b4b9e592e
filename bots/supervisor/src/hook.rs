//! The input of a hook.

use std::collections::BTreeMap;

use mcp_multiplayer_protocol::Secret;
use mcp_multiplayer_protocol::channel::Hook;
use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use serde::Serialize;
use serde_json::Value;

/// A hook to run, and everything that it can see.
#[derive(Debug, Clone, Serialize)]
pub struct HookRequest {
    /// The method to call.
    pub hook: Hook,
    /// Value of `ctx.channel_id`.
    pub channel_id: String,
    /// Value of `ctx.bot_id`.
    pub bot_id: String,
    /// The time of the triggering entry, in milliseconds since 1970: `ctx.now` in seconds.
    pub now_ms: i64,
    /// The bot's state as JSON text, as its last successful hook left it; `None` if it has never set one.
    pub state: Option<String>,
    /// What the bot keeps about each player, as JSON text: an object with an object for every slot that `ctx.seat` takes.
    pub seats: String,
    /// True if `ctx.hold_seats` is allowed, because a player's entry started the hook.
    pub may_hold_seats: bool,
    /// True if `ctx.unseal` is allowed, because the bot's manifest says that it unseals.
    pub may_unseal: bool,
    /// Values that the bot has committed to with `ctx.commit`, as JSON text written by the worker.
    #[serde(rename = "kept")]
    pub commitments: Option<String>,
    /// The seated players: `ctx.players`.
    pub players: Vec<Player>,
    /// The channel's slots that are not closed, filled or not: `ctx.slots`.
    pub slots: Vec<Slot>,
    /// The relay's log: `ctx.relay`; `None` in a game that is played without a relay.
    pub relay: Option<LogIdentity>,
    /// The source of the bot's randomness.
    pub stream: Stream,
    /// The bot's sealed secrets: `ctx.env`.
    pub env: BTreeMap<String, Secret>,
    /// The method's arguments, in order.
    pub args: Vec<Value>,
}

/// A bot's keystream: HMAC-SHA256 of a key over 0, 1, 2, … as 8 bytes, big-endian.
#[derive(Debug, Clone, Serialize)]
pub struct Stream {
    /// Number of the bot's current seed.
    pub epoch: u32,
    /// True if it is the last one, and so cannot be revealed.
    pub last: bool,
    /// True if players' entropy is mixed in: from `on_start` on.
    pub open: bool,
    /// True from `ctx.start()` until `on_start`.
    pub starting: bool,
    /// Number of bytes drawn from it.
    pub position: u64,
    /// Its key, as hex; `None` in a replay that does not know the seed.
    pub key: Option<Secret>,
    /// Its key after `ctx.reveal()`; `None` in a replay that does not know the next seed.
    pub next_key: Option<Secret>,
}

/// A player as it appears in `ctx.players`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Player {
    /// The slot's id, such as `s1`.
    pub slot_id: String,
    /// The slot's label.
    pub label: String,
    /// The entry that began the player's time in the slot.
    pub tenure: u64,
    /// False if the player must accept the terms before they can post.
    pub may_post: bool,
}

/// A slot as it appears in `ctx.slots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// The slot's id, such as `s1`.
    pub slot_id: String,
    /// Its label.
    pub label: String,
    /// `bot` or `invite`.
    pub kind: &'static str,
    /// True if a player or a bot holds it.
    pub filled: bool,
}
