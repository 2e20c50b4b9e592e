//! The wall around a bot: what this process gives up before any bot byte reaches it.
//!
//! Entered after the socket is in place and before Python starts. Each means of the wall is a file
//! here; [`Wall`] says how far it reaches on this platform.

mod rlimits;

use std::fmt;
use std::path::Path;

use anyhow::Context;

/// What the bot may have.
#[derive(Debug)]
pub(crate) struct Allowance<'a> {
    /// Bytes of private memory.
    pub(crate) memory_bytes: u64,
    /// Bytes that one file may grow to.
    pub(crate) file_bytes: u64,
    /// The directory to work in.
    pub(crate) workspace: &'a Path,
}

/// How much of a wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wall {
    /// A process of its own, with limits and an empty environment; no kernel sandbox.
    Process,
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
        })
    }
}

/// Raises the wall around this process, for good.
pub(crate) fn enter(allowance: &Allowance<'_>) -> anyhow::Result<Wall> {
    std::env::set_current_dir(allowance.workspace)
        .with_context(|| format!("workspace {}", allowance.workspace.display()))?;
    rlimits::set(allowance)?;
    Ok(Wall::Process)
}
