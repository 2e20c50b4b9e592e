//! One call into a bot.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The hooks that a bot may define.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// `on_init()`: the bot was attached.
    OnInit,
    /// `on_join(player_id)`: a player took a seat; the argument is its slot id.
    OnJoin,
    /// `on_leave(player_id)`: a player left its seat.
    OnLeave,
    /// `on_message(msg)`: a public entry by a player or another bot.
    OnMessage,
    /// `on_private_message(slot_id, msg)`: a DM to this bot; `msg` is its body.
    OnPrivateMessage,
    /// `on_timer(name)`: a timer fired.
    OnTimer,
}

impl Hook {
    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnInit => "on_init",
            Self::OnJoin => "on_join",
            Self::OnLeave => "on_leave",
            Self::OnMessage => "on_message",
            Self::OnPrivateMessage => "on_private_message",
            Self::OnTimer => "on_timer",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
