//! Live channels: propose → check → append → evolve → wake.
//!
//! Here the pure rules of `protocol::channel` meet the store. Whoever calls has resolved secrets and
//! principals to slots already; nothing here knows a door, a token or SQL.

mod live;
mod page;
mod proposal;
mod registry;
mod standing;
mod tail;

pub(crate) use live::{CommitError, LiveChannel};
pub(crate) use page::Page;
pub(crate) use proposal::Proposal;
pub(crate) use registry::{Channels, StartRunner};
pub(crate) use standing::{Reader, Standing};
