//! Results of inspecting a source and of running a hook.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use mcp_multiplayer_protocol::KeystreamRange;
use mcp_multiplayer_protocol::channel::Hook;

use crate::record::EgressRecord;
use crate::sandbox::RuntimeInfo;

/// Result of the successful inspection of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The name of its bot class.
    pub class_name: String,
    /// The hooks that the class defines or inherits, in the order of [`Hook`].
    pub hooks: Vec<Hook>,
    /// The first line of the class's docstring.
    pub summary: Option<String>,
    /// The runtime that inspected it.
    pub runtime: RuntimeInfo,
}

/// Result of running a hook.
#[derive(Debug, Clone, PartialEq)]
pub struct HookReport {
    /// Its effects, or the reason of its failure.
    pub outcome: Outcome,
    /// Printed lines; bounded by [`Limits::log_bytes`](crate::Limits::log_bytes).
    pub log: Vec<String>,
    /// Hosts that it tried to reach, with their ports; also where bots have no network.
    pub hosts: Vec<String>,
    /// Its network exchanges, if any.
    pub record: Option<EgressRecord>,
    /// Time that it took, without the time in which it waited for its turn.
    pub ran: Duration,
}

/// Outcome of a hook.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The hook returned, or the bot has no such hook.
    Completed(Box<Completion>),
    /// The hook failed, and all its effects are discarded.
    Failed {
        /// The reason, for players: the relay's own words, or the type of the exception, such as `ZeroDivisionError`.
        reason: String,
        /// The exception's message. It may quote the bot's secret state, so it is for the bot's author and operator only.
        message: Option<String>,
        /// The line of the bot's source where it happened, if it is known.
        line: Option<u32>,
        /// The kind of failure.
        kind: FailureKind,
    },
}

impl Outcome {
    /// The reason of a failure with the exception's message, such as `ZeroDivisionError: division by zero`. Not for
    /// players, because the message may quote the bot's secret state.
    pub fn failure_text(&self) -> Option<String> {
        match self {
            Self::Failed { reason, message: Some(message), .. } => Some(format!("{reason}: {message}")),
            Self::Failed { reason, message: None, .. } => Some(reason.clone()),
            Self::Completed(_) => None,
        }
    }
}

/// Results of a completed hook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Completion {
    /// Its effects, in order.
    pub effects: Vec<Effect>,
    /// The new state, as JSON text of an object; `None` if it is unchanged.
    pub state: Option<String>,
    /// The new contents of `ctx.seat` by slot, as JSON text of an object; `None` if they are unchanged.
    pub seats: Option<String>,
    /// The new values behind `ctx.commit`, as JSON text of an object; `None` if they are unchanged.
    pub commitments: Option<String>,
    /// Ranges drawn from the bot's keystream, one for each key that was in use during the hook.
    pub drawn: Vec<KeystreamRange>,
}

/// Kinds of failure. After any other kind than `Error` the bot's process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The bot raised an exception, or its source did not load.
    Error,
    /// The hook exceeded its time limit, and its process was killed.
    Timeout,
    /// The hook ran out of memory.
    Memory,
    /// The process ended by itself or was killed by another process.
    Died,
    /// The hook or its worker broke a limit or the protocol.
    Refused,
}

/// An effect of a hook on its channel.
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
        /// The slot of one of the request's players.
        slot_id: String,
        /// The same as for a post.
        kind: String,
        /// The same as for a post.
        body: Map<String, Value>,
    },
    /// `ctx.timer(name, seconds)`.
    Timer {
        /// 1 to 64 characters, the same as in a kind.
        name: String,
        /// Milliseconds after the time of the hook; `None` cancels it.
        after_ms: Option<u64>,
    },
    /// `ctx.start()`.
    Start,
    /// `ctx.reveal()`.
    Reveal,
    /// `ctx.hold_seats(seconds)`.
    HoldSeats {
        /// Milliseconds after the time of the hook.
        for_ms: u64,
    },
    /// `ctx.release_seats()`.
    ReleaseSeats,
    /// `ctx.unseal()`.
    Unseal,
}
