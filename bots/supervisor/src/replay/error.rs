//! Failure of a replay as a whole.

use thiserror::Error as ThisError;

use crate::error::Unavailable;

/// Reasons why a channel cannot be replayed.
#[derive(Debug, ThisError)]
pub enum ReplayError {
    /// The log breaks the rules of the protocol.
    #[error("entry {entry}: {reason}")]
    Broken {
        /// The first entry that breaks them.
        entry: u64,
        /// The rule that it breaks.
        reason: String,
    },
    /// A bot's source or parameters are not those whose hashes are in the log.
    #[error("{0}")]
    Mismatch(String),
    /// The file's part about the later log is not proven, or breaks the rules.
    #[error("{0}")]
    LaterLog(String),
    /// Bots cannot be run on this machine.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
