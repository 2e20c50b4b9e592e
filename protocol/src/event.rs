use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::channel::{Hook, SlotKind};
use crate::{Body, BotId, Hash, IdParseError, Kind, SlotId, Timestamp};

/// Whose wish a system entry carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The holder of this seat.
    Slot(SlotId),
    /// The channel's creator, who holds no seat.
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

/// A slot as it is announced when its channel is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotSpec {
    /// What may fill it.
    pub kind: SlotKind,
    /// Its name among people.
    pub label: String,
}

/// A bot as it is announced before it is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotAnnouncement {
    /// Where it will sit.
    pub slot_id: SlotId,
    /// Its name.
    pub name: String,
    /// Its version, as its author counts.
    pub version: String,
    /// What it does, in a line.
    pub summary: String,
}

/// What a bot's hooks run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Version of the worker program.
    pub worker: String,
    /// Version of its Python.
    pub python: String,
    /// Hash of the list of pinned Python packages.
    pub lock_hash: Hash,
}

/// A stretch of a bot's keystream that a hook drew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// Which seed, counted from 0; a reveal goes on to the next.
    pub epoch: u32,
    /// Whether players' entropy is in it; else it is the relay's alone.
    pub open: bool,
    /// The first byte.
    pub from: u64,
    /// The byte after the last.
    pub to: u64,
}

/// Entropy that a player gave when it took its seat, now in a bot's keystream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The seat.
    pub slot_id: SlotId,
    /// The `member:join` that holds the entropy.
    pub entry: u64,
    /// SHA-256 of the entropy's text.
    pub entropy: Hash,
}

/// A timer that a hook set or, without `due`, cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerSet {
    /// What `on_timer` gets.
    pub name: String,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

/// What a hook exchanged with the outside world, by hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanged {
    /// Salted hash of the record.
    pub record_hash: Hash,
    /// Whom it talked to, as `host:port`.
    pub hosts: Vec<String>,
    /// Whether the record held a sealed secret, so that its hash alone was kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
}

/// The layers of the sandbox around a bot, as its relay states them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SandboxReport {
    /// Active layers, by name.
    pub active: Vec<String>,
    /// Layers that the platform lacks or refuses, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Result of the self-test at the relay's start: `passed`, `not tried`, or the forbidden acts that succeeded.
    pub self_test: String,
}

/// How a hook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookOutcome {
    /// It returned, and its effects are in the log.
    Ok,
    /// It raised, or its process died; it had no effects.
    Error,
    /// It took longer than allowed; it had no effects.
    Timeout,
    /// Its effects broke a limit; none of them happened.
    Refused,
}

/// What the relay states in entries of its own; the `type` of the body says which.
///
/// `by` names the seat whose wish it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[expect(missing_docs, reason = "the fields are described in docs/PROTOCOL.md, where readers of transcripts look")]
#[expect(clippy::large_enum_variant, reason = "made once for an entry and dropped; a box would only add a step")]
pub enum SystemEvent {
    /// The first entry of every channel.
    #[serde(rename = "channel:created")]
    ChannelCreated { name: String, slots: Vec<SlotSpec>, owner: Hash, mutable: bool },
    /// Which bots are about to be attached.
    #[serde(rename = "bots_announced")]
    BotsAnnounced { bots: Vec<BotAnnouncement> },
    /// From here on this code, known by its hash, referees.
    #[serde(rename = "bot:attach")]
    BotAttach {
        bot_id: BotId,
        slot_id: SlotId,
        /// Present when the slot is made for the bot, one after the last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slot_label: Option<String>,
        name: String,
        version: String,
        code_hash: Hash,
        manifest_hash: Hash,
        params_hash: Hash,
        hooks: Vec<Hook>,
        runtime: Runtime,
        sandbox: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sandbox_report: Option<SandboxReport>,
        /// Whether the source was held to the policy; an operator can switch that off.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        policy_off: bool,
        seed_commitment: Hash,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// What the bot says of itself.
    #[serde(rename = "bot:manifest")]
    BotManifest { bot_id: BotId, manifest: Map<String, Value> },
    /// The bot is gone; its slot is empty.
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
    },
    /// A seat moves to another principal; the tenure goes on.
    #[serde(rename = "member:rejoin")]
    MemberRejoin { slot_id: SlotId, label: String, player: Hash },
    /// A seat is given up; the tenure ends.
    #[serde(rename = "member:leave")]
    MemberLeave { slot_id: SlotId, label: String, by: Actor },
    /// A seat is taken away; the tenure ends.
    #[serde(rename = "member:kick")]
    MemberKick { slot_id: SlotId, label: String, by: Actor },
    /// A hook ran.
    #[serde(rename = "bot:ran")]
    BotRan {
        bot_id: BotId,
        hook: Hook,
        trigger: u64,
        outcome: HookOutcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state_hash: Option<Hash>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drawn: Vec<Drawn>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        timers: Vec<TimerSet>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exchanged: Option<Exchanged>,
    },
    /// A bot's keystream holds these players' entropy from here on.
    #[serde(rename = "entropy:open")]
    EntropyOpened { bot_id: BotId, epoch: u32, contributions: Vec<Contribution> },
    /// A bot's seed, against its commitment; the next one is in force.
    #[serde(rename = "seed:reveal")]
    SeedRevealed { bot_id: BotId, epoch: u32, seed: String, next_commitment: Hash },
    /// A time that a bot had set came.
    #[serde(rename = "timer")]
    Timer { bot_id: BotId, name: String },
    /// A hook failed, in words for players.
    #[serde(rename = "bot:error")]
    BotError {
        bot_id: BotId,
        hook: Hook,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
        text: String,
    },
    /// The channel has a new name.
    #[serde(rename = "rename_applied")]
    Renamed { name: String, by: Actor },
    /// A seat became, or ceased to be, an admin's.
    #[serde(rename = "set_admin_applied")]
    AdminSet { slot_id: SlotId, admin: bool, by: Actor },
    /// A slot, now empty, may be filled by another kind.
    #[serde(rename = "yield_slot_applied")]
    SlotYielded { slot_id: SlotId, to: SlotKind, by: Actor },
    /// A slot has a new invite code; an older one is void.
    #[serde(rename = "new_invite_applied")]
    InviteIssued { slot_id: SlotId, generation: u32, by: Actor },
    /// A slot, empty, can no longer be filled.
    #[serde(rename = "close_slot_applied")]
    SlotClosed { slot_id: SlotId, by: Actor },
    /// The channel takes nothing new.
    #[serde(rename = "close_applied")]
    Closed { by: Actor },
}

impl SystemEvent {
    /// The label of an entry with this body.
    pub fn kind(&self) -> Kind {
        match self {
            Self::BotRan { .. } | Self::Timer { .. } => Kind::TRACE,
            Self::BotError { .. } => Kind::CONTROL,
            _ => Kind::SYSTEM,
        }
    }

    /// The event as a body.
    pub fn to_body(&self) -> Body {
        Body::of(self)
    }
}
