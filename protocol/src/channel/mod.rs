//! Channels as pure functions: the state that a log leads to, and the rules for the next entry.
//!
//! [`allowed`] checks an entry against a state; [`evolve`] computes the state that the entry leads
//! to. Everybody uses the same two: a relay puts entries together with a [`Step`] before it appends
//! them, a verifier folds [`ChannelState::append`] over a transcript, and `play` and the tests do as
//! the relay does. [`plan`] lists the hooks of a bot that an entry starts.

mod aftermath;
mod allowed;
mod audit;
mod cascade;
mod evolve;
mod plan;
mod state;
mod step;
mod terms;
mod visibility;

pub use aftermath::Aftermath;
pub use allowed::{allowed, may_change_bots};
pub use audit::{Audit, AuditedCall, Due, Violation};
pub use cascade::{Cascade, cascade_depth};
pub use evolve::{evolve, evolve_composition};
pub use plan::{Hook, HookCall, plan};
pub use state::{
    Bot, BotHead, BotsChange, ChannelState, Composition, Epoch, Head, Holder, Slot, SlotKind, Timer, Unsealed,
    runtime_hash,
};
pub use step::{Draft, Salts, Step};
pub use terms::{BotTerms, Terms};
pub use visibility::{Tenure, Visibility, is_aftermath};

pub(crate) use plan::wakes;

/// Version of the rules of channels, which `channel:created` names.
pub const RULES: u32 = 2;

/// Version of the API for bots: the hooks, `ctx`, and what both take and return. docs/BOTS.md says what changes it.
pub const BOT_API: u32 = 1;

/// Version of the policy for bots' sources.
pub const BOT_POLICY: u32 = 1;
