//! Live channels: propose → check → append → evolve → wake.
//!
//! The pure rules of `protocol::channel` meet the store here. Callers have already turned secrets and
//! principals into slots; this module knows nothing of transports, tokens or SQL.
//!
//! - `proposal`: what one request or hook is going to change;
//! - `commit`: the write path, from a proposal to the durable log;
//! - `live`: the state of a channel that is in use, and reading from it;
//! - `sync`: the long-poll, and waiting for a change without missing one;
//! - `news`: the entries that end a wait;
//! - `member`: the seat that a principal acts from;
//! - `proof`: proofs over the log, from the hashes that the store keeps, and its signed checkpoint;
//! - `last_checkpoint`: the checkpoint that was signed last;
//! - `time`: the time of entries and timers, which does not go back when the clock does;
//! - `closing`: the last entry of a channel that is being closed;
//! - `registry`: the channels that are live in this process;
//! - `owner`: their creators, with the bytes that are stored for each;
//! - `trigger_use`: the amount that the hooks which follow from one entry have used.

mod closing;
mod commit;
mod last_checkpoint;
mod live;
mod member;
mod news;
mod owner;
mod proof;
mod proposal;
mod recent;
mod registry;
mod sync;
mod time;
mod trigger_use;

pub(crate) use commit::CommitError;
pub(crate) use live::LiveChannel;
pub(crate) use member::Member;
pub(crate) use proposal::Proposal;
pub(crate) use registry::{Channels, Follower, StartFollower};
pub(crate) use sync::{Page, wait_for_change};
