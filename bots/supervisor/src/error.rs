//! Failures of a source, and of the relay's own installation.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Failure to inspect a source.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The source was rejected.
    #[error("{message}")]
    Rejected {
        /// The problem, without the line: `Import of 'os' is not allowed`.
        message: String,
        /// The line of the source, if it is known.
        line: Option<u32>,
        /// Advice for its author.
        hint: Option<String>,
    },
    /// The source could not be inspected.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// No worker is available. This is a failure of the relay's installation, not of a bot: it can be retried, and leaves
/// no entry in a channel's log.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// The worker's executable did not start.
    #[error("cannot start {}: {source}", worker.display())]
    Spawn {
        /// The executable.
        worker: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The worker reported a problem with its installation, or ended before it was ready.
    #[error("the bot worker is broken: {0}")]
    Broken(String),
    /// The worker has fewer sandbox layers than the self-test found, and was killed before it got a bot's code.
    #[error("a bot worker was refused because its sandbox lacks layers that the tested one has: {missing}")]
    Sandbox {
        /// The missing layers, each with its reason.
        missing: String,
    },
    /// The worker was not ready in time.
    #[error("the bot worker was not ready after {0:?}")]
    NotReady(Duration),
    /// The bot's working directory could not be created or emptied.
    #[error("cannot use the workspace {}: {source}", path.display())]
    Workspace {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Unavailable {
    /// Advice for the relay's operator.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Spawn { .. } => {
                "build the worker (cargo build --release --bins) or give its path with --bot-worker, then restart the relay"
            }
            Self::Broken(_) => {
                "run `make setup` to install the bots' Python, then build again; the worker must run with the Python that it was built with"
            }
            Self::Sandbox { .. } => {
                "repair what the reasons name; if the platform was changed on purpose, restart the relay, which then tests the sandbox again"
            }
            Self::NotReady(_) => {
                "the machine is overloaded or the worker hangs; check the machine's load, then try again"
            }
            Self::Workspace { .. } => "give the relay's user write access to it, or choose another --data-dir",
        }
    }
}
