use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Hook;
use crate::checkpoint::LogIdentity;
use crate::merkle::Frontier;
use crate::{BotId, BotLimits, ChannelId, Envelope, Hash, Runtime, SandboxReport, Sender, SlotId, Timestamp};

/// The state that a channel's log leads to: O(slots + bots + log n), no bodies, no secrets.
///
/// The state has two parts because every entry changes the head, but few change the composition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelState {
    /// The end of the log; every entry changes it.
    pub head: Head,
    /// Slots, seats, bots and settings.
    pub composition: Arc<Composition>,
}

/// The end of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The time of the last entry.
    pub ts: Timestamp,
    /// The Merkle tree so far; its size is the last entry's id.
    pub frontier: Frontier,
    /// For each bot of the composition, in its order, what changes while it runs.
    pub bots: Vec<BotHead>,
}

/// The DMs to and from one bot that are public, because the bot has unsealed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsealed {
    /// The bot.
    pub bot_id: BotId,
    /// Its slot.
    pub slot_id: SlotId,
    /// The entry that attached it.
    pub attached: u64,
    /// The last entry whose hook's DMs are public. Those to the bot are public up to this one.
    pub up_to: u64,
}

impl Unsealed {
    /// Returns `true` for a DM that is public.
    pub fn opens(&self, envelope: &Envelope) -> bool {
        let Some(to_slot) = envelope.to_slot else { return false };
        match &envelope.sender {
            Sender::Bot(bot_id) => *bot_id == self.bot_id && envelope.cause.is_some_and(|cause| cause <= self.up_to),
            Sender::Slot(_) => to_slot == self.slot_id && (self.attached..=self.up_to).contains(&envelope.id),
            Sender::System => false,
        }
    }
}

/// The part of a bot's state that hooks change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotHead {
    /// The last entry that may start one of its hooks; 0 for none.
    pub due: u64,
    /// Number of timers that it ever set, which is the number of the last one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timers_set: u32,
    /// The timers that are running.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<Timer>,
    /// The epoch of its seeds that is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// Until then it holds the seats; `None` if it never did or has released them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
}

/// The part of a log in which one of a bot's seeds is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u32,
    /// The entry that began it: the bot's `bot:attach`, or the trigger of the hook that revealed the seed before.
    pub began: u64,
    /// Commitment to its seed.
    pub commitment: Hash,
    /// The seed of the epoch before; `None` in the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_seed: Option<Hash>,
}

/// A timer that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Its number among the timers of its bot.
    pub n: u32,
    /// Time at which it fires.
    pub due: Timestamp,
    /// The `bot:ran` entry that set it.
    pub set_by: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Slots, seats, bots and settings of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    /// The last entry that changed the composition.
    pub revision: u64,
    /// The channel.
    pub channel_id: ChannelId,
    /// The channel's name.
    pub name: String,
    /// The time of the first entry.
    pub created_at: Timestamp,
    /// The creator's pseudonym in this channel.
    pub owner: Hash,
    /// Condition on which bots may be changed.
    pub bots_change: BotsChange,
    /// `true` if players post only after they have accepted the terms.
    pub require_terms: bool,
    /// The relay's log; `None` for a game that is played without a relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogIdentity>,
    /// The entry with which all players were there and had, where that is required, accepted the present terms; `None` before it.
    pub ready: Option<u64>,
    /// The entry after which the channel takes nothing new; `None` while it is open.
    pub close_requested: Option<u64>,
    /// The last entry of a closed channel; `None` before it.
    pub closed: Option<u64>,
    /// The slots, in the order of their ids.
    pub slots: Vec<Slot>,
    /// The attached bots, in the order in which they were attached.
    pub bots: Vec<Bot>,
    /// Number of bots that were ever attached; it is part of the next bot's id.
    pub bots_attached: u32,
    /// The bots whose DMs are public now, also those that were detached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsealed: Vec<Unsealed>,
}

/// Condition on which a channel's bots may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotsChange {
    /// Only until two seats have been filled.
    #[default]
    Never,
    /// At any time, by the owner and admins.
    Owner,
}

impl schemars::JsonSchema for BotsChange {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BotsChange".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "enum": ["never", "owner"] })
    }
}

/// Sort of holder that a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// A bot.
    Bot,
    /// A player with an invite code.
    Invite,
}

/// A numbered place in a channel, for one player or bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties, most of which a view shows as they are")]
pub struct Slot {
    /// Sort of holder that may fill it.
    pub kind: SlotKind,
    /// Name that people read.
    pub label: String,
    /// Player or bot in it; `None` for an empty slot.
    pub holder: Option<Holder>,
    /// `true` if its player is an admin.
    pub admin: bool,
    /// `true` if it can no longer be filled.
    pub closed: bool,
    /// Number of tenures so far, the current one included.
    pub tenure: u32,
    /// Generation of the valid invite code: 0 for the first, one more after each `new_invite`.
    pub invite: u32,
    /// `true` if that code was used.
    pub invite_used: bool,
    /// `true` if its player has accepted the present terms.
    pub accepted: bool,
    /// The last entry of the request with which its last player gives it up, as far as it is in the log; 0 if nobody does.
    pub given_up: u64,
}

/// The player or bot in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A player.
    Player {
        /// Pseudonym of the player's principal in this channel.
        player: Hash,
        /// The entry that began the tenure. Private entries before it are not for this player.
        since: u64,
        /// SHA-256 of the entropy that the player contributed with that entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entropy: Option<Hash>,
        /// `true` if the player is a program of the relay.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        program: bool,
    },
    /// A bot.
    Bot(BotId),
}

/// A bot in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bot {
    /// Its id.
    pub bot_id: BotId,
    /// Its slot.
    pub slot_id: SlotId,
    /// Its name.
    pub name: String,
    /// The preset's name, if it is one.
    pub preset: Option<String>,
    /// The hooks that its class defines.
    pub hooks: Vec<Hook>,
    /// The entry that attached it.
    pub attached: u64,
    /// The seats that were filled then; `on_join` is called for each of them after `on_init`.
    pub present: Vec<SlotId>,
    /// SHA-256 of its source text.
    pub code_hash: Hash,
    /// SHA-256 of its manifest's canonical JSON.
    pub manifest_hash: Hash,
    /// SHA-256 of its params' canonical JSON.
    pub params_hash: Hash,
    /// Names of the secrets that it was attached with.
    pub env: Vec<String>,
    /// Version of the API that it is written for.
    pub api: u32,
    /// The limits of its hooks.
    pub limits: BotLimits,
    /// Hash of the relay's rules for its connections; `None` where bots have none.
    pub egress_hash: Option<Hash>,
    /// Version of the policy that its source passed; `None` if the operator has switched the check off.
    pub policy: Option<u32>,
    /// `true` if it may open its DMs with `ctx.unseal()`.
    pub unseals: bool,
    /// Hash of what runs its hooks, see [`runtime_hash`].
    pub runtime_hash: Hash,
}

/// Hash of what runs a bot's hooks: the software, and the sandbox around it.
pub fn runtime_hash(runtime: &Runtime, sandbox: &str, report: Option<&SandboxReport>) -> Hash {
    let text = serde_json_canonicalizer::to_vec(&(runtime, sandbox, report)).expect("plain JSON");
    Hash::of(&[&text])
}

impl ChannelState {
    /// The state before the first entry.
    pub fn empty(channel_id: ChannelId) -> Self {
        let epoch = Timestamp::from_millis(0);
        Self {
            head: Head { ts: epoch, frontier: Frontier::default(), bots: Vec::new() },
            composition: Arc::new(Composition {
                revision: 0,
                channel_id,
                name: String::new(),
                created_at: epoch,
                owner: Hash::from_bytes([0; 32]),
                bots_change: BotsChange::Never,
                require_terms: false,
                log: None,
                ready: None,
                close_requested: None,
                closed: None,
                slots: Vec::new(),
                bots: Vec::new(),
                bots_attached: 0,
                unsealed: Vec::new(),
            }),
        }
    }

    /// Number of entries, which is the id of the last one.
    pub fn size(&self) -> u64 {
        self.head.frontier.size()
    }

    /// The bots with what changes while they run.
    pub fn bots(&self) -> impl Iterator<Item = (&Bot, &BotHead)> {
        self.composition.bots.iter().zip(&self.head.bots)
    }

    /// The part of this bot's state that hooks change; `None` if the bot is not attached.
    pub fn bot_head(&self, bot_id: &BotId) -> Option<&BotHead> {
        self.bots().find(|(bot, _)| bot.bot_id == *bot_id).map(|(_, head)| head)
    }

    /// The timer that fires first, with its bot.
    pub fn next_timer(&self) -> Option<(&Bot, Timer)> {
        let timers = self.bots().flat_map(|(bot, head)| head.timers.iter().map(move |timer| (bot, *timer)));
        timers.min_by_key(|(bot, timer)| (timer.due, bot.attached, timer.n))
    }

    /// The time until which bots hold the seats, if they do at time `now`.
    pub fn seats_held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.head.bots.iter().filter_map(|bot| bot.held_until).max().filter(|until| *until > now)
    }
}

impl Composition {
    /// Returns `true` for a DM that is public, because its bot has unsealed it.
    pub fn is_unsealed(&self, envelope: &Envelope) -> bool {
        self.unsealed.iter().any(|unsealed| unsealed.opens(envelope))
    }

    /// The slot of this id.
    pub fn slot(&self, slot_id: SlotId) -> Option<&Slot> {
        self.slots.get(slot_id.place())
    }

    /// The bot of this id.
    pub fn bot(&self, bot_id: &BotId) -> Option<&Bot> {
        self.bots.iter().find(|bot| bot.bot_id == *bot_id)
    }

    /// All slots with their ids.
    pub fn slots(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        self.slots.iter().enumerate().map(|(place, slot)| (SlotId::at(place), slot))
    }

    /// The slots that a player holds, with the player's pseudonym.
    pub fn seats(&self) -> impl Iterator<Item = (SlotId, &Slot, &Hash)> {
        self.slots().filter_map(|(slot_id, slot)| match &slot.holder {
            Some(Holder::Player { player, .. }) => Some((slot_id, slot, player)),
            _ => None,
        })
    }

    /// The owner's seat; the first one if the owner holds several.
    pub fn owner_slot(&self) -> Option<SlotId> {
        self.seats().find(|(_, _, player)| **player == self.owner).map(|(slot_id, ..)| slot_id)
    }

    /// Returns `true` if bots may no longer be changed: two different seats have been filled at some time, and
    /// `bots_change` does not allow it.
    pub fn is_sealed(&self) -> bool {
        self.bots_change == BotsChange::Never && self.slots.iter().map(|slot| slot.tenure.min(1)).sum::<u32>() >= 2
    }

    /// Returns `true` if every open invite slot has a player, and, where that is required, all of them have accepted the terms.
    pub(super) fn is_ready(&self) -> bool {
        let mut seats = self.slots.iter().filter(|slot| slot.kind == SlotKind::Invite && !slot.closed).peekable();
        seats.peek().is_some()
            && self.close_requested.is_none()
            && seats.all(|slot| slot.has_player() && (slot.accepted || !self.require_terms))
    }

    /// Name of a sender for readers: the label of the slot, or the name of the bot.
    pub fn sender_label(&self, sender: &Sender) -> Option<&str> {
        match sender {
            Sender::Slot(slot_id) => self.slot(*slot_id).map(|slot| slot.label.as_str()),
            Sender::Bot(bot_id) => self.bot(bot_id).map(|bot| bot.name.as_str()),
            Sender::System => None,
        }
    }
}

impl Slot {
    /// An empty slot.
    pub fn empty(kind: SlotKind, label: String) -> Self {
        Self {
            kind,
            label,
            holder: None,
            admin: false,
            closed: false,
            tenure: 0,
            invite: 0,
            invite_used: false,
            accepted: false,
            given_up: 0,
        }
    }

    /// The entry that began the tenure of the player who holds it; `None` if none does.
    pub fn tenure_began(&self) -> Option<u64> {
        match self.holder {
            Some(Holder::Player { since, .. }) => Some(since),
            _ => None,
        }
    }

    /// Returns `true` if a player holds it.
    pub fn has_player(&self) -> bool {
        matches!(self.holder, Some(Holder::Player { .. }))
    }

    /// Returns `true` if a program of the relay holds it as a player.
    pub fn has_program(&self) -> bool {
        matches!(self.holder, Some(Holder::Player { program: true, .. }))
    }
}
