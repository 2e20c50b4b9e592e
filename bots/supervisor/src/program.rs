//! What a bot is, to the process that runs it.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// A bot's source and the parameters that it was attached with.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// The bot's name; a class of that name is the bot if the source defines several with hooks.
    pub name: String,
    /// Python source, at most [`Limits::source_bytes`](crate::Limits::source_bytes).
    pub source: Arc<str>,
    /// What `__init__(ctx, params)` gets.
    pub params: Value,
    /// Whether the source is held to the policy; without it, it is plain Python behind the process sandbox.
    pub policy: bool,
}

// A source is long, and params may be private.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whose process a hook runs in: one bot of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BotKey {
    channel_id: Arc<str>,
    bot_id: Arc<str>,
}

impl BotKey {
    /// The key of a bot by the ids of its channel and its own.
    pub fn new(channel_id: &str, bot_id: &str) -> Self {
        Self { channel_id: channel_id.into(), bot_id: bot_id.into() }
    }
}

impl fmt::Display for BotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.channel_id, self.bot_id)
    }
}
