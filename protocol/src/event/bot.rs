//! The parts of entries about bots: the software that runs them, and the results of their hooks.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{Body, DirectMessage, Hash, Kind, Salt, SlotId, limits};

/// Summary of a bot that is about to be attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotAnnouncement {
    /// Slot that it will fill.
    pub slot_id: SlotId,
    /// Name of the bot.
    pub name: String,
    /// Version, as stated by the bot's author.
    pub version: String,
    /// Purpose, in one line.
    pub summary: String,
}

/// Software that runs a bot's hooks, and the memory that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Version of the worker program.
    pub worker: String,
    /// Version of the worker's Python.
    pub python: String,
    /// Hash of the list of pinned Python packages.
    pub lock_hash: Hash,
    /// Largest memory of the bot's process, in bytes.
    pub memory_bytes: u64,
}

/// The limits of a bot's hooks that a relay's operator chooses. They stay as they were when the bot was attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BotLimits {
    /// Processor time of a hook, in milliseconds.
    pub hook_ms: u64,
    /// Time of a hook by the clock, in milliseconds.
    pub hook_wall_ms: u64,
    /// Size of the body of one post, in bytes.
    pub body_bytes: u64,
}

impl Default for BotLimits {
    fn default() -> Self {
        Self { hook_ms: 5_000, hook_wall_ms: 30_000, body_bytes: limits::BODY_BYTES as u64 }
    }
}

/// A range of a bot's keystream that a hook consumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeystreamRange {
    /// Number of the seed, counted from 0; each reveal switches to the next one.
    pub epoch: u32,
    /// True if players' entropy is mixed in; false if the keystream depends on the relay's seed alone.
    pub open: bool,
    /// Offset of the first byte.
    pub from: u64,
    /// Offset after the last byte.
    pub to: u64,
}

/// Entropy of one player that was mixed into a bot's keystream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The player's seat.
    pub slot_id: SlotId,
    /// Id of the `member:join` entry that contains the entropy.
    pub entry: u64,
    /// SHA-256 of the entropy's text.
    pub entropy: Hash,
}

/// A timer that a hook set or, if `after_ms` is absent, cancelled.
///
/// The log numbers timers instead of naming them, because a name that a hook for a DM chose may say what the DM said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerChange {
    /// Number of the timer: 1 for the first one that the bot sets, and one more for each further one.
    pub n: u32,
    /// Time from this `bot:ran` entry until the timer fires, in milliseconds; at least 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
}

/// Reason why a hook that was due did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The entry is the last of a chain of bots' posts that answer one another.
    Depth,
    /// An earlier hook cancelled or replaced the timer after it had fired.
    Stale,
    /// The hook would exceed a budget of its channel.
    Budget,
    /// The hooks that were due when the channel was closed took too long.
    Closing,
    /// The relay cannot run the bot, and the channel is closing.
    Unavailable,
}

/// Hash of the record of a hook's network traffic: `SHA-256("mcp-multiplayer/record/v2" ‖ 0x00 ‖ salt ‖ record)`.
pub fn record_hash(salt: &Salt, record: &str) -> Hash {
    Hash::of(&[b"mcp-multiplayer/record/v2\0", &salt.0, record.as_bytes()])
}

/// A hook's network traffic, which is recorded only by hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkExchange {
    /// Salted hash of the record.
    pub record_hash: Hash,
    /// Contacted hosts, as `host:port`.
    pub hosts: Vec<String>,
    /// True if the record contained a sealed secret, so that only its hash was stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
}

/// The layers of the sandbox around a bot, as reported by its relay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SandboxReport {
    /// Active layers, by name.
    pub active: Vec<String>,
    /// Layers that the platform lacks or refuses, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Result of the self-test at the relay's start: `passed`, `not tested`, or the forbidden actions that were not blocked.
    pub self_test: String,
}

/// Outcome of a hook call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookOutcome {
    /// The hook returned, and its effects are in the log.
    Ok,
    /// The hook raised an exception; it had no effects.
    Error,
    /// The hook's process ended; it had no effects.
    Died,
    /// The hook exceeded its time limit; it had no effects.
    Timeout,
    /// The hook's effects exceeded a limit; all of them were discarded.
    Refused,
}

/// The part of a hook's result that says something of what the hook did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookResult {
    /// Outcome of the hook.
    pub outcome: HookOutcome,
    /// Its network traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchanged: Option<NetworkExchange>,
    /// Numbers of the hook's effects, counted from 0, that are DMs to a tenure that ended while the hook ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<u32>,
}

/// A failure of a hook, in words for players.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookFailure {
    /// The relay's words, or the type of an exception.
    pub reason: String,
    /// Line of the bot's source, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<NonZeroU32>,
    /// A sentence with the bot's name.
    pub text: String,
}

/// Result of a hook that a DM started, for nobody but the player who sent the DM: the body of a DM from the bot, of the kind
/// `trace`, or `control` if the hook failed. Bots cannot send one themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "bot:result")]
pub struct PrivateResult {
    /// The result.
    #[serde(flatten)]
    pub result: HookResult,
    /// The failure, if it failed.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<HookFailure>,
}

impl PrivateResult {
    /// The value of the body's `type`.
    pub const TYPE: &'static str = "bot:result";

    /// Returns it as a DM.
    pub fn to_message(&self) -> DirectMessage {
        let kind = if self.failure.is_some() { Kind::CONTROL } else { Kind::TRACE };
        DirectMessage { kind, body: Body::from_own_type(self) }
    }

    /// Reads it from a DM; `None` if the DM is another one, or not in the one form of a result, which says why exactly where
    /// the hook failed.
    pub fn of_message(message: &DirectMessage) -> Option<Self> {
        let result: Self = message.body.parse().ok()?;
        let has_failed = result.result.outcome != HookOutcome::Ok;
        (has_failed == result.failure.is_some() && result.to_message() == *message).then_some(result)
    }
}
