//! The directory in which the bots of a command that a person runs have their workspaces.

use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// A directory of this process alone, with an unpredictable name, in the system's directory for temporary files.
///
/// It is removed when dropped, and when the process is interrupted, terminated, or loses its terminal.
#[derive(Debug)]
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let made = builder.prefix("mcp-multiplayer-").permissions(private).tempdir();
        let directory =
            made.with_context(|| format!("cannot make a directory in {}", std::env::temp_dir().display()))?;
        let path = directory.path().to_owned();
        let ended = ending_signal()?;
        // A thread of its own: the command may be waiting for a line of its terminal.
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let signal = ended();
            // Whatever a dying worker still writes there is left to the system.
            let _ = std::fs::remove_dir_all(&path);
            std::process::exit(128 + signal);
        })?;
        Ok(Self(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// From now on catches the signals that ask this process to end; the returned function waits for the first of them,
/// and returns its number.
fn ending_signal() -> Result<impl FnOnce() -> i32 + Send> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let caught = |kind: SignalKind| {
        let _context = runtime.enter();
        signal(kind).context("cannot catch signals")
    };
    let (interrupt, terminate, hangup) = (SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup());
    let (mut interrupted, mut terminated, mut hung_up) = (caught(interrupt)?, caught(terminate)?, caught(hangup)?);
    Ok(move || {
        let first = runtime.block_on(async {
            tokio::select! {
                _ = interrupted.recv() => interrupt,
                _ = terminated.recv() => terminate,
                _ = hung_up.recv() => hangup,
            }
        });
        first.as_raw_value()
    })
}
