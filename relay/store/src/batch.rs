use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{ChannelState, Tenure};
use mcp_multiplayer_protocol::merkle::{Frontier, TreeHead};
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Hash, Kind, Salt, SlotId, SystemEvent, Timestamp};

/// Everything that one request or hook changes in a channel, appended together or not at all.
#[derive(Clone, Debug)]
pub struct ChannelBatch {
    /// The channel.
    pub channel_id: ChannelId,
    /// The Merkle tree of the log that the batch was prepared against; empty for the batch that creates the channel.
    ///
    /// Not only its size: another process may have appended as many entries as an earlier batch of this one that was refused.
    pub base: Frontier,
    /// The new entries; none when only a bot's cursor moves.
    pub entries: Vec<Arc<Entry>>,
    /// The state after the entries.
    pub state: ChannelState,
    /// The record that answers a repeat of the request.
    pub idempotency: Option<IdempotencyRecord>,
    /// Slots whose holder gives them up or loses them, and the entry with which that happens. Whoever has held one up to now
    /// was a member up to that entry.
    pub ended: Vec<(SlotId, u64)>,
    /// Principals that become members of the channel, after others ceased to be.
    pub memberships: Vec<Membership>,
    /// Terms that principals accept.
    pub accepted: Vec<AcceptedTerms>,
    /// Changes to bots.
    pub bots: Vec<BotChange>,
}

/// Size that an entry is counted with in addition to its body, in bytes: its envelope, and the rows that are written with it.
const ENTRY_BYTES: usize = 256;

impl ChannelBatch {
    /// The principal that creates the channel with this batch.
    pub fn creator(&self) -> Option<&str> {
        let creator = self.memberships.iter().find(|membership| membership.seat.is_none());
        creator.map(|membership| membership.principal.as_str())
    }

    /// The earlier entries whose bodies and salts are to be destroyed, because an entry of the batch says that they were.
    pub fn deleted(&self) -> Vec<u64> {
        let of_system = self.entries.iter().filter(|entry| entry.envelope.kind == Kind::SYSTEM);
        let events = of_system.filter_map(|entry| entry.event());
        let deleted = events.filter_map(|event| match event {
            SystemEvent::EntriesDeleted { ids, .. } => Some(ids),
            _ => None,
        });
        deleted.flatten().collect()
    }

    /// Size of everything that the batch stores, in bytes. The states that it replaces are not subtracted.
    pub fn bytes(&self) -> u64 {
        let entries = self.entries.iter().map(|entry| ENTRY_BYTES + entry.body().map_or(0, |body| body.as_str().len()));
        let bytes = entries.chain(self.bots.iter().map(BotChange::bytes)).sum::<usize>();
        bytes as u64
    }

    /// Returns `true` if the entries follow `base` one by one and `state` ends with the last of them, and if a new channel,
    /// and no other, has a creator.
    pub fn is_consistent(&self) -> bool {
        let ids = self.base.size() + 1..;
        let follow = |(entry, id): (&Arc<Entry>, u64)| entry.id() == id && entry.envelope.channel_id == self.channel_id;
        self.entries.iter().zip(ids).all(follow)
            && self.state.size() == self.base.size() + self.entries.len() as u64
            && self.state.size() > 0
            && self.state.composition.channel_id == self.channel_id
            && (self.base.size() == 0) == self.creator().is_some()
    }

    /// Computes the hashes of the log's Merkle tree that each entry completes, its own leaf first. A backend stores them beside
    /// the entry, where [`Store::list_nodes`](crate::Store::list_nodes) finds them.
    ///
    /// # Panics
    /// If the entries do not lead to the tree of `state`: a proof made from these hashes would not hold.
    pub fn nodes(&self) -> Vec<Vec<Hash>> {
        let mut tree = self.base.clone();
        let leaves = self.entries.iter().map(|entry| entry.envelope.leaf_hash());
        let nodes = leaves.map(|leaf| tree.push_and_complete(leaf)).collect();
        assert!(tree == self.state.head.frontier, "the tree of a batch is the one that its entries lead to");
        nodes
    }
}

/// Result of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The end of the log.
    pub tree: TreeHead,
    /// Change of the number of bytes that are stored for the channel. Negative if a bot's state has become smaller.
    pub growth: i64,
}

/// A channel as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChannel {
    /// The state that its log leads to.
    pub state: ChannelState,
    /// The principal that created it.
    pub owner: String,
    /// Number of bytes that are stored for it: entries, and its bots' sources, manifests, states and network traffic.
    pub bytes: u64,
}

/// Number of bytes that are stored for a channel, by what they are. Together somewhat more or less than
/// [`StoredChannel::bytes`], where each entry counts with an estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BytesByKind {
    /// Bodies of entries.
    pub bodies: u64,
    /// Sources, manifests, params and secrets of bots.
    pub bots: u64,
    /// States of bots.
    pub states: u64,
    /// Network traffic of bots.
    pub exchanges: u64,
}

/// Record of the first request under an idempotency key. Keys are unique within their scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The scope of the key: the tenure of a seat, or a principal.
    pub scope: String,
    /// The caller's key.
    pub key: String,
    /// Hash of the request.
    pub request_hash: Hash,
    /// The channel that the request changed.
    pub channel_id: ChannelId,
    /// The outcome of the request, as JSON in a form of the caller's own.
    pub outcome: String,
}

/// A principal's membership in a channel, present or past: rows stay when a tenure ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The principal.
    pub principal: String,
    /// The time in a seat; `None` for the channel's creator.
    pub seat: Option<Tenure>,
}

/// Terms that a principal has accepted, in any channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedTerms {
    /// The principal.
    pub principal: String,
    /// The terms, as canonical JSON.
    pub terms: String,
    /// Time at which they were accepted last.
    pub ts: Timestamp,
}

impl AcceptedTerms {
    /// Number of different terms that are kept for a principal: the ones accepted last.
    pub const LIMIT: u32 = 100;
}

/// A bot's place in the log.
///
/// All its calls for entries before `entry` are done, and so are the first `step` of its calls for
/// `entry`. An entry may start several calls, and each is committed by itself: `step` keeps those
/// that are done from being repeated after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BotCursor {
    /// The entry whose calls are next.
    pub entry: u64,
    /// Number of those calls that are done.
    pub step: u32,
}

/// A change to a bot, in the same transaction as the entries it belongs to.
#[derive(Clone, Debug)]
pub enum BotChange {
    /// The bot is attached; its cursor starts at the entry that says so.
    Attach(NewBot),
    /// A hook ran, a timer fired, or the bot's memory changed without either.
    Advance {
        /// The bot.
        bot_id: BotId,
        /// The cursor that the bot must have, or the batch is refused with `BotMoved`.
        from: BotCursor,
        /// The cursor that it has afterwards.
        to: BotCursor,
        /// Its new state, as JSON text; `None` when it is unchanged.
        state: Option<String>,
    },
    /// A hook used the network.
    Exchanged(Exchange),
    /// The bot is detached. Its code stays readable; effects of its hooks are refused with `BotMoved`.
    Detach(BotId),
}

impl BotChange {
    /// The bot that the change is about.
    pub fn bot_id(&self) -> &BotId {
        match self {
            Self::Attach(bot) => &bot.bot_id,
            Self::Advance { bot_id, .. } | Self::Detach(bot_id) | Self::Exchanged(Exchange { bot_id, .. }) => bot_id,
        }
    }

    /// Size of what the change stores, in bytes.
    fn bytes(&self) -> usize {
        match self {
            Self::Attach(bot) => {
                let env = bot.env.as_ref().map_or(0, Vec::len);
                bot.source.len() + bot.manifest.len() + bot.params.len() + env
            }
            Self::Advance { state, .. } => state.as_ref().map_or(0, String::len),
            Self::Exchanged(exchange) => exchange.record.as_ref().map_or(0, String::len),
            Self::Detach(_) => 0,
        }
    }
}

/// Network traffic of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The bot.
    pub bot_id: BotId,
    /// The entry that started the hook.
    pub trigger: u64,
    /// Number of the call among those that the entry starts for the bot, from 0.
    pub step: u32,
    /// Salt of the hash of the record, which is in the log.
    pub salt: Salt,
    /// Requests and responses, as JSON; `None` where they contained a secret.
    pub record: Option<String>,
}

/// A bot to be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBot {
    /// Its id.
    pub bot_id: BotId,
    /// Its slot.
    pub slot_id: SlotId,
    /// The entry that attaches it.
    pub attached: u64,
    /// Its name.
    pub name: String,
    /// Its version, as its author numbers them.
    pub version: String,
    /// The preset that it is, as `builtin://NAME`; `None` for inline code.
    pub code_ref: Option<String>,
    /// Its source text.
    pub source: Arc<str>,
    /// Its manifest, as canonical JSON.
    pub manifest: String,
    /// Its params, as canonical JSON.
    pub params: String,
    /// Its secrets, encrypted.
    pub env: Option<Vec<u8>>,
}

/// A stored bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBot {
    /// The bot as it was attached.
    pub bot: NewBot,
    /// Its place in the log.
    pub cursor: BotCursor,
    /// Its state, as JSON text; `None` before it set any.
    pub state: Option<String>,
    /// `true` if it was detached.
    pub detached: bool,
}

/// A token to be recorded.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its id, which may be shown.
    pub id: String,
    /// Hash of the token, which is kept nowhere.
    pub token_hash: Hash,
    /// Name of the owner, in the operator's words.
    pub name: String,
    /// Time of creation.
    pub created_at: Timestamp,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Name of the owner.
    pub name: String,
    /// Time of creation.
    pub created_at: Timestamp,
}
