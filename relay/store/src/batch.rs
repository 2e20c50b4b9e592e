use std::sync::Arc;

use mcp_multiplayer_protocol::channel::ChannelState;
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Hash, SlotId, Timestamp};

/// Everything that one step of a channel changes, appended together or not at all.
#[derive(Clone, Debug)]
pub struct ChannelBatch {
    /// The channel.
    pub channel_id: ChannelId,
    /// The size of the log that the batch was prepared against; 0 makes the channel.
    pub base: u64,
    /// What is appended; may be empty when only a bot's cursor moves.
    pub entries: Vec<Arc<Entry>>,
    /// The state after the entries.
    pub state: ChannelState,
    /// What a repeat of the request is to be answered with.
    pub idempotency: Option<IdempotencyRecord>,
    /// Principals that now belong to the channel.
    pub memberships: Vec<Membership>,
    /// Changes to bots.
    pub bots: Vec<BotChange>,
}

impl ChannelBatch {
    /// Whether the entries follow `base` one by one and `state` ends where they do.
    pub fn is_consistent(&self) -> bool {
        let ids = self.base + 1..;
        let follow = |(entry, id): (&Arc<Entry>, u64)| entry.id() == id && entry.envelope.channel_id == self.channel_id;
        self.entries.iter().zip(ids).all(follow)
            && self.state.size() == self.base + self.entries.len() as u64
            && self.state.size() > 0
            && self.state.composition.channel_id == self.channel_id
    }
}

/// The end of a log, as it became durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many entries it has.
    pub size: u64,
    /// The root of its Merkle tree.
    pub root: Hash,
}

/// What was first done under an idempotency key. The key is unique within its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Whose key it is: a seat's tenure, or a principal.
    pub scope: String,
    /// The caller's key.
    pub key: String,
    /// Hash of what was asked for.
    pub request_hash: Hash,
    /// The channel that it was done to.
    pub channel_id: ChannelId,
    /// What it came to, as JSON of the channel's own making.
    pub outcome: String,
}

/// That a principal belongs to a channel. Rows stay when tenures end: they answer what was, not what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The principal.
    pub principal: String,
    /// The seat and its tenure; `None` for the channel's creator.
    pub seat: Option<(SlotId, u32)>,
}

/// How far a bot has come: it has seen all entries before `entry`, and the first `step` of its calls for that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BotCursor {
    /// The entry whose calls are next.
    pub entry: u64,
    /// How many of them are done.
    pub step: u32,
}

/// A change to a bot, in the same transaction as the entries it belongs to.
#[derive(Clone, Debug)]
pub enum BotChange {
    /// The bot is attached; its cursor starts at the entry that says so.
    Attach(NewBot),
    /// A hook ran, or entries that start none were passed by.
    Advance {
        /// The bot.
        bot_id: BotId,
        /// Where its cursor must be, or the batch is refused with `BotMoved`.
        from: BotCursor,
        /// Where its cursor is then.
        to: BotCursor,
        /// Its new state, as JSON text, when that changed.
        state: Option<String>,
        /// When its next timer fires, if it has one.
        timer: Option<Timestamp>,
    },
    /// A hook exchanged something with the outside world.
    Exchanged(Exchange),
    /// The bot is detached. Its code stays readable; hooks of it are refused with `BotMoved`.
    Detach(BotId),
}

impl BotChange {
    /// The bot that is changed.
    pub fn bot_id(&self) -> &BotId {
        match self {
            Self::Attach(bot) => &bot.bot_id,
            Self::Advance { bot_id, .. } | Self::Detach(bot_id) | Self::Exchanged(Exchange { bot_id, .. }) => bot_id,
        }
    }
}

/// What a hook exchanged with the outside world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The bot.
    pub bot_id: BotId,
    /// The entry that started the hook.
    pub trigger: u64,
    /// The number of the hook among those that the entry started for the bot.
    pub step: u32,
    /// All that was asked and answered, as JSON; `None` where a secret was in it.
    pub record: Option<String>,
}

/// A bot as it is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBot {
    /// Its id.
    pub bot_id: BotId,
    /// Where it sits.
    pub slot_id: SlotId,
    /// The entry that attaches it.
    pub attached: u64,
    /// Its name.
    pub name: String,
    /// Its version, as its author counts.
    pub version: String,
    /// The preset that it is, as `builtin://NAME`; `None` for inline code.
    pub code_ref: Option<String>,
    /// Its source text.
    pub source: Arc<str>,
    /// Its manifest, as canonical JSON.
    pub manifest: String,
    /// Its params, as canonical JSON.
    pub params: String,
    /// Its secrets, sealed.
    pub env: Option<Vec<u8>>,
}

/// A bot as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBot {
    /// What was attached.
    pub bot: NewBot,
    /// How far it has come.
    pub cursor: BotCursor,
    /// Its state, as JSON text; `None` before it set any.
    pub state: Option<String>,
    /// Whether it was detached.
    pub detached: bool,
}

/// A token to be recorded.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its id, which may be shown.
    pub id: String,
    /// Hash of the token, which is kept nowhere.
    pub token_hash: Hash,
    /// Whose it is, in the operator's words.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}
