use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, anyhow};

/// Number of rounds in which each measurement is repeated. The loads of a section take turns, so that other activity on
/// the machine affects all of them alike, and the figures are medians over the rounds.
pub(crate) const ROUNDS: u32 = 5;

/// Sizes of a run, from environment variables.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Duration of each load, all rounds together, in seconds: `BENCH_SECONDS`.
    seconds: f64,
    /// Number of idle connections: `BENCH_CONNECTIONS`.
    pub(crate) connections: usize,
    /// Entries of the long channel: `BENCH_ENTRIES`.
    pub(crate) entries: u64,
    /// A checkout of the original Python system: `PEER`.
    pub(crate) peer: Option<PathBuf>,
    /// The program `mcp-remote`, a bridge that runs on Node: `MCP_REMOTE`.
    pub(crate) mcp_remote: Option<PathBuf>,
}

impl Settings {
    /// Reads the environment. A value that is not a number is an error.
    pub(crate) fn from_env() -> Result<Self> {
        Ok(Self {
            seconds: number("BENCH_SECONDS", 3.0)?,
            connections: number("BENCH_CONNECTIONS", 10_000)?,
            entries: number("BENCH_ENTRIES", 1_000_000)?,
            peer: path("PEER"),
            mcp_remote: path("MCP_REMOTE"),
        })
    }

    /// Duration of a load in one round, in seconds.
    pub(crate) fn round_seconds(&self) -> f64 {
        self.seconds / f64::from(ROUNDS)
    }
}

impl Display for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, connections, entries, peer, mcp_remote } = self;
        let shown =
            |path: &Option<PathBuf>| path.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
        let (peer, mcp_remote) = (shown(peer), shown(mcp_remote));
        write!(
            formatter,
            "BENCH_SECONDS={seconds} BENCH_CONNECTIONS={connections} BENCH_ENTRIES={entries} PEER={peer} \
             MCP_REMOTE={mcp_remote}; {ROUNDS} rounds, figures are medians"
        )
    }
}

/// A path from an environment variable, if it is set and not empty.
fn path(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn number<T: FromStr>(variable: &str, default: T) -> Result<T> {
    match std::env::var(variable) {
        Ok(text) => text.parse().map_err(|_| anyhow!("{variable}={text} is not a number that can be used here.")),
        Err(_) => Ok(default),
    }
}
