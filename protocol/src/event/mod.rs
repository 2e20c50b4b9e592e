//! Entries that the relay itself writes.

mod bot;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::channel::{BotsChange, Hook, SlotKind};
use crate::checkpoint::LogIdentity;
use crate::{Body, BotId, Hash, IdParseError, Kind, SlotId, Timestamp};

pub use bot::{
    BotAnnouncement, BotLimits, Contribution, HookFailure, HookOutcome, HookResult, KeystreamRange, NetworkExchange,
    PrivateResult, Runtime, SandboxReport, SkipReason, TimerChange, record_hash,
};

/// The party that requested the change recorded in a system entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The holder of this seat.
    Slot(SlotId),
    /// The channel's creator, acting without a seat.
    Owner,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot_id) => write!(f, "{slot_id}"),
            Self::Owner => f.write_str("owner"),
        }
    }
}

impl FromStr for Actor {
    type Err = IdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "owner" { Ok(Self::Owner) } else { text.parse().map(Self::Slot) }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A slot as declared when its channel is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotSpec {
    /// Kind of holder that may fill it.
    pub kind: SlotKind,
    /// Human-readable label.
    pub label: String,
}

/// Contents of an entry that the relay itself writes; the `type` of the body selects the variant.
///
/// `by` is the party that requested the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[expect(missing_docs, reason = "the fields are described in docs/PROTOCOL.md, where readers of transcripts look")]
#[expect(clippy::large_enum_variant, reason = "short-lived: one is made for an entry and then dropped")]
pub enum SystemEvent {
    /// The first entry of every channel.
    #[serde(rename = "channel:created")]
    ChannelCreated {
        /// Version of the rules of channels, see [`RULES`](crate::channel::RULES).
        rules: u32,
        name: String,
        slots: Vec<SlotSpec>,
        owner: Hash,
        bots_change: BotsChange,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        require_terms: bool,
        /// The relay's log; absent for a game that is played without a relay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<LogIdentity>,
    },
    /// Announces the bots that are about to be attached.
    #[serde(rename = "bots_announced")]
    BotsAnnounced { bots: Vec<BotAnnouncement> },
    /// A bot, whose code is identified by its hash, is attached.
    #[serde(rename = "bot:attach")]
    BotAttach {
        bot_id: BotId,
        slot_id: SlotId,
        /// Present if a new slot is appended for the bot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slot_label: Option<String>,
        name: String,
        version: String,
        /// Name of the preset, if it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preset: Option<String>,
        code_hash: Hash,
        manifest_hash: Hash,
        params_hash: Hash,
        /// Names of the secrets that come with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<String>,
        /// Version of the API for bots, see [`BOT_API`](crate::channel::BOT_API).
        api: u32,
        hooks: Vec<Hook>,
        limits: BotLimits,
        /// Hash of the relay's rules for the bot's connections; absent where bots have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        egress_hash: Option<Hash>,
        /// Version of the policy that the source passed, see [`BOT_POLICY`](crate::channel::BOT_POLICY); absent if the
        /// operator has switched the check off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<u32>,
        /// True if the bot may open its DMs with `ctx.unseal()`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unseals: bool,
        runtime: Runtime,
        sandbox: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sandbox_report: Option<SandboxReport>,
        seed_commitment: Hash,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// A bot's manifest, as stated by its author.
    #[serde(rename = "bot:manifest")]
    BotManifest { bot_id: BotId, manifest: Map<String, Value> },
    /// A bot is detached; its slot is empty.
    #[serde(rename = "bot:detach")]
    BotDetach {
        bot_id: BotId,
        slot_id: SlotId,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// A seat is taken; a tenure begins.
    #[serde(rename = "member:join")]
    MemberJoin {
        slot_id: SlotId,
        label: String,
        player: Hash,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entropy: Option<String>,
        /// True if the player is a program of the relay.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        program: bool,
    },
    /// A player accepts the channel's terms, which have this hash.
    #[serde(rename = "terms:accepted")]
    TermsAccepted { slot_id: SlotId, terms_hash: Hash },
    /// A seat moves to another principal; the tenure continues.
    #[serde(rename = "member:rejoin")]
    MemberRejoin { slot_id: SlotId, label: String, player: Hash },
    /// A player leaves its seat; the tenure ends.
    #[serde(rename = "member:leave")]
    MemberLeave { slot_id: SlotId, label: String, by: Actor },
    /// A player is removed from its seat; the tenure ends.
    #[serde(rename = "member:kick")]
    MemberKick { slot_id: SlotId, label: String, by: Actor },
    /// A hook ran. Its effects are the entries directly before this one.
    #[serde(rename = "bot:ran")]
    BotRan {
        bot_id: BotId,
        trigger: u64,
        /// Number of the hook among those that the trigger starts for the bot, from 0.
        step: u32,
        hook: Hook,
        /// Number of its effects.
        effects: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drawn: Vec<KeystreamRange>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        timers: Vec<TimerChange>,
        /// The rest of the result; absent if a DM started the hook. Then the last effect is a DM with it, see
        /// [`PrivateResult`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<HookResult>,
    },
    /// A hook that was due did not run.
    #[serde(rename = "bot:skipped")]
    BotSkipped { bot_id: BotId, trigger: u64, step: u32, hook: Hook, reason: SkipReason },
    /// From now on, other software runs a bot's hooks, another sandbox is around them, or other rules are in force for the
    /// bot's connections. New rules change the terms.
    #[serde(rename = "bot:runtime")]
    BotRuntime {
        bot_id: BotId,
        runtime: Runtime,
        sandbox: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sandbox_report: Option<SandboxReport>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        egress_hash: Option<Hash>,
    },
    /// A bot protects a game in progress: nobody is kicked, and no bot changed, until then.
    #[serde(rename = "seats:held")]
    SeatsHeld { bot_id: BotId, until: Timestamp },
    /// A bot holds the seats no longer.
    #[serde(rename = "seats:released")]
    SeatsReleased { bot_id: BotId },
    /// The DMs to and from a bot become public: those that it had been sent up to the cause of this entry, and those that
    /// hooks up to there sent, with the records of their network traffic.
    #[serde(rename = "dm:unsealed")]
    DmUnsealed { bot_id: BotId },
    /// These players' entropy is mixed into a bot's keystream from its `on_start` on. `missing` are the other players who were
    /// seated.
    #[serde(rename = "entropy:open")]
    EntropyOpened {
        bot_id: BotId,
        epoch: u32,
        contributions: Vec<Contribution>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<SlotId>,
    },
    /// A bot's seed is revealed, to be checked against its commitment; the next seed takes effect.
    #[serde(rename = "seed:reveal")]
    SeedRevealed { bot_id: BotId, epoch: u32, began: u64, seed: String, next_commitment: Hash },
    /// A bot's timer fired; `set_by` is the `bot:ran` entry that set it.
    #[serde(rename = "timer")]
    Timer { bot_id: BotId, n: u32, set_by: u64 },
    /// A hook failed.
    #[serde(rename = "bot:error")]
    BotError {
        bot_id: BotId,
        hook: Hook,
        #[serde(flatten)]
        failure: HookFailure,
    },
    /// The channel was renamed.
    #[serde(rename = "rename_applied")]
    Renamed { name: String, by: Actor },
    /// A player became, or stopped being, an admin.
    #[serde(rename = "set_admin_applied")]
    AdminSet { slot_id: SlotId, admin: bool, by: Actor },
    /// The kind of holder that may fill an empty slot was changed.
    #[serde(rename = "yield_slot_applied")]
    SlotYielded { slot_id: SlotId, to: SlotKind, by: Actor },
    /// A new invite code was issued for a slot; earlier codes are void.
    #[serde(rename = "new_invite_applied")]
    InviteIssued { slot_id: SlotId, generation: u32, by: Actor },
    /// An empty slot was closed and can no longer be filled.
    #[serde(rename = "close_slot_applied")]
    SlotClosed { slot_id: SlotId, by: Actor },
    /// The channel accepts nothing new. The hooks that are due run, and then each bot's `on_close`.
    #[serde(rename = "close_requested")]
    CloseRequested {
        /// Absent if the relay's operator asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// The channel is closed. Only `entry:deleted` can follow.
    #[serde(rename = "close_applied")]
    Closed {},
    /// The bodies and salts of these posts and DMs were destroyed, by the player who wrote them, or by the relay's operator.
    #[serde(rename = "entry:deleted")]
    EntriesDeleted {
        ids: Vec<u64>,
        /// The seat of the player; absent if it was the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<SlotId>,
    },
    /// The operator of the relay ended the channel; only `entry:deleted` can follow. Hooks that were due do not run.
    #[serde(rename = "operator:stopped")]
    OperatorStopped {},
}

impl SystemEvent {
    /// Returns `true` for an event about seats, a bot that came, went or failed, or the end of the channel: what a player needs
    /// to know who waits for the referee.
    pub fn concerns_seats(&self) -> bool {
        matches!(
            self,
            Self::MemberJoin { .. }
                | Self::MemberRejoin { .. }
                | Self::MemberLeave { .. }
                | Self::MemberKick { .. }
                | Self::SlotYielded { .. }
                | Self::SlotClosed { .. }
                | Self::BotAttach { .. }
                | Self::BotDetach { .. }
                | Self::BotError { .. }
                | Self::CloseRequested { .. }
                | Self::Closed {}
                | Self::OperatorStopped {}
        )
    }

    /// The values of a body's `type` that only the relay may use. A post of a player or bot with one of them would look like
    /// the relay's own statement to a program that does not look at the sender.
    pub const RESERVED_TYPES: &'static [&'static str] = &[
        "channel:created",
        "bots_announced",
        "bot:attach",
        "bot:manifest",
        "bot:detach",
        "bot:ran",
        "bot:skipped",
        "bot:runtime",
        "bot:error",
        "member:join",
        "member:rejoin",
        "member:leave",
        "member:kick",
        "terms:accepted",
        "dm:unsealed",
        "entropy:open",
        "seed:reveal",
        "timer",
        "seats:held",
        "seats:released",
        "rename_applied",
        "set_admin_applied",
        "yield_slot_applied",
        "new_invite_applied",
        "close_slot_applied",
        "close_requested",
        "close_applied",
        "operator:stopped",
        "entry:deleted",
        "bot:result",
        // Of entries that are to come.
        "entropy:requested",
        "entropy:revealed",
        "seat:key",
    ];

    /// The types of the entries that the relay itself writes.
    pub const TYPES: &'static [&'static str] = Self::RESERVED_TYPES.split_at(Self::RESERVED_TYPES.len() - 4).0;

    /// Returns the label of an entry with this body.
    pub fn kind(&self) -> Kind {
        match self {
            Self::BotRan { .. } | Self::BotSkipped { .. } | Self::Timer { .. } => Kind::TRACE,
            Self::BotError { .. } => Kind::CONTROL,
            _ => Kind::SYSTEM,
        }
    }

    /// Returns `true` for what a member did or asked for, or the operator in a member's place. Timers that are due come before such an entry.
    pub(crate) fn is_by_member(&self) -> bool {
        match self {
            Self::MemberJoin { .. }
            | Self::TermsAccepted { .. }
            | Self::MemberRejoin { .. }
            | Self::MemberLeave { .. }
            | Self::MemberKick { .. }
            | Self::Renamed { .. }
            | Self::AdminSet { .. }
            | Self::SlotYielded { .. }
            | Self::InviteIssued { .. }
            | Self::SlotClosed { .. }
            | Self::CloseRequested { .. }
            | Self::BotAttach { by: Some(_), .. }
            | Self::BotDetach { by: Some(_), .. } => true,
            Self::ChannelCreated { .. }
            | Self::BotsAnnounced { .. }
            | Self::BotAttach { by: None, .. }
            | Self::BotManifest { .. }
            | Self::BotDetach { by: None, .. }
            | Self::BotRan { .. }
            | Self::BotSkipped { .. }
            | Self::BotRuntime { .. }
            | Self::BotError { .. }
            | Self::DmUnsealed { .. }
            | Self::EntropyOpened { .. }
            | Self::SeedRevealed { .. }
            | Self::Timer { .. }
            | Self::SeatsHeld { .. }
            | Self::SeatsReleased { .. }
            | Self::Closed {}
            | Self::EntriesDeleted { .. }
            | Self::OperatorStopped {} => false,
        }
    }

    /// Returns the event as a body.
    pub fn to_body(&self) -> Body {
        Body::from_own_type(self)
    }
}
