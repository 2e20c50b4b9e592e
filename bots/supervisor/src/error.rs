//! Failures that are not a hook's: of a source, and of the relay's own installation.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a source was not found fit to attach.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The source is at fault.
    #[error("{message}")]
    Rejected {
        /// What is wrong, without the line: `Import of 'os' is not allowed`.
        message: String,
        /// The line of the source, if it is known.
        line: Option<u32>,
        /// What its author can do.
        hint: Option<String>,
    },
    /// The relay could not look.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// No worker could be had: the relay's own failure, worth a retry and no entry in any log.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// The worker's executable did not start.
    #[error("can't start {}: {source}", worker.display())]
    Spawn {
        /// The executable.
        worker: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The worker started and said what it lacks, or ended before it was ready.
    #[error("the bot worker is broken: {0}")]
    Broken(String),
    /// The worker was not ready in time.
    #[error("the bot worker was not ready after {0:?}")]
    NotReady(Duration),
    /// The bot's working directory could not be made or emptied.
    #[error("workspace {}: {source}", path.display())]
    Workspace {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Unavailable {
    /// What the relay's operator can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Spawn { .. } => {
                "build the worker (cargo build --release --bins), or name the program with --bot-worker; then start the relay again"
            }
            Self::Broken(_) => {
                "run `make setup` for the bots' Python, then build again; the worker must run with the Python that it was built with"
            }
            Self::NotReady(_) => "the machine is overloaded or the worker hangs; look at its load, and try again",
            Self::Workspace { .. } => "give the relay's user the right to write there, or name another --data-dir",
        }
    }
}
