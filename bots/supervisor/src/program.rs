//! A bot's program and the key of its process.

use std::fmt;
use std::sync::Arc;

use mcp_multiplayer_protocol::BotLimits;
use serde_json::Value;

/// A bot's source and the parameters that it was attached with.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// The bot's name; a class of that name is the bot if the source defines several with hooks, otherwise the last one.
    /// Empty if it is to be that of the class.
    pub name: String,
    /// Python source, at most [`Limits::source_bytes`](crate::Limits::source_bytes).
    pub source: Arc<str>,
    /// The `params` argument of `__init__(ctx, params)`.
    pub params: Value,
    /// True if the source must satisfy the policy; without it, it is plain Python that only the process sandbox
    /// confines.
    pub policy: bool,
    /// The limits of its hooks; the other limits are the supervisor's.
    pub limits: BotLimits,
}

impl Program {
    /// The program, with the name of its bot class if it has no name.
    #[must_use]
    pub fn named(self: &Arc<Self>, class_name: &str) -> Arc<Self> {
        if self.name.is_empty() {
            Arc::new(Self { name: class_name.to_owned(), ..Self::clone(self) })
        } else {
            Arc::clone(self)
        }
    }
}

// Leaves out the source, which is long, and the params, which may be private.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The person whose bots share their turns at the processor: owners take turns, however many bots each of them has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Owner(Arc<str>);

impl Owner {
    /// An owner, from any text that identifies a person.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }
}

/// Key of a bot's process: one bot of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BotKey {
    channel_id: Arc<str>,
    bot_id: Arc<str>,
    owner: Owner,
}

impl BotKey {
    /// The key of a bot, from the ids of its channel and of the bot. The channel counts as the bot's owner.
    pub fn new(channel_id: &str, bot_id: &str) -> Self {
        Self { channel_id: channel_id.into(), bot_id: bot_id.into(), owner: Owner::new(channel_id) }
    }

    /// The same bot with this owner.
    #[must_use]
    pub fn with_owner(self, owner: Owner) -> Self {
        Self { owner, ..self }
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }
}

impl fmt::Display for BotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.channel_id, self.bot_id)
    }
}
