//! What came of running a bot.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use mcp_multiplayer_protocol::KeystreamRange;
use mcp_multiplayer_protocol::channel::Hook;

use crate::record::Record;
use crate::sandbox::Layer;

/// A bot's source was found fit to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The name of its bot class.
    pub class_name: String,
    /// The hooks that the class defines or inherits, in the order of [`Hook`].
    pub hooks: Vec<Hook>,
    /// What it ran in.
    pub runtime: RuntimeInfo,
}

/// What a worker runs: a replay has to have the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeInfo {
    /// The worker's version.
    pub worker: String,
    /// Python's version, `3.11.7`.
    pub python: String,
    /// SHA-256 of the pinned package list, `sha256:<hex>`.
    pub lock_hash: String,
    /// How far the bot sandbox reaches, as [`Sandbox::level`](crate::Sandbox::level) has it.
    pub sandbox: String,
    /// Its layers.
    #[serde(default)]
    pub layers: Vec<Layer>,
}

/// What a hook did.
#[derive(Debug, Clone, PartialEq)]
pub struct HookReport {
    /// Its effects, or why there are none.
    pub outcome: Outcome,
    /// What it printed, in lines; bounded by [`Limits::log_bytes`](crate::Limits::log_bytes).
    pub log: Vec<String>,
    /// What it exchanged with the outside world, if anything.
    pub record: Option<Record>,
}

/// How a hook ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It returned, or the bot has no such hook.
    Completed(Box<Done>),
    /// It did not, and nothing that it did counts.
    Failed {
        /// Why, in words for players: `ZeroDivisionError: division by zero`.
        reason: String,
        /// The line of the bot's source where it happened, if it is known.
        line: Option<u32>,
        /// What sort of failure.
        kind: FailureKind,
    },
}

/// What a hook did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// In order.
    pub effects: Vec<Effect>,
    /// The state to keep, as JSON text of an object; `None` if it is as it was.
    pub state: Option<String>,
    /// What the runtime keeps, as JSON text of an object; `None` if it is as it was.
    pub kept: Option<String>,
    /// What it drew from the bot's keystream, a stretch for each of the streams that it had.
    pub drawn: Vec<KeystreamRange>,
}

/// Sorts of failure. Except after `Error` the bot's process is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The bot raised, or its source is at fault.
    Error,
    /// It took too long and was killed.
    Timeout,
    /// It ran out of memory.
    Memory,
    /// Its process ended by itself or was killed by somebody else.
    Died,
    /// It broke a limit or the protocol.
    Refused,
}

/// Something that a hook did to its channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// `ctx.post(kind, body)`.
    Post {
        /// The entry's kind: 1 to 64 of `A-Z a-z 0-9 _ : . -`.
        kind: String,
        /// The entry's body: integers within ±(2⁵³−1), finite floats.
        body: Map<String, Value>,
    },
    /// `ctx.dm(slot_id, kind, body)`.
    Dm {
        /// The slot of one of the call's players.
        slot_id: String,
        /// As for a post.
        kind: String,
        /// As for a post.
        body: Map<String, Value>,
    },
    /// `ctx.timer(name, seconds)`.
    Timer {
        /// 1 to 64 of the characters of a kind.
        name: String,
        /// Milliseconds after the time of the hook; `None` cancels it.
        after_ms: Option<u64>,
    },
    /// `ctx.start()`.
    Start,
    /// `ctx.reveal()`.
    Reveal,
}
