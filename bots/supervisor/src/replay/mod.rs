//! Replays the bots of an exported channel and compares what they do with the log.

mod compare;
mod export;
mod log;
mod recorded_egress;
mod replayer;
mod report;

use thiserror::Error as ThisError;

use crate::error::Unavailable;

pub use export::{Export, ExportedBot, ExportedExchange, ExportedSeed, FORMAT};
pub use replayer::Replayer;
pub use report::{BotReplay, Difference, Replayed, Unchecked};

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
    /// Bots cannot be run on this machine.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
