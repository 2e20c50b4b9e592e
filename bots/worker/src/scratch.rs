//! The temporary directory for bots' workspaces in the commands `check`, `play` and `replay`.

use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// A private directory with an unpredictable name in the system's directory for temporary files.
///
/// It is removed when dropped, and when the process gets SIGINT, SIGTERM or SIGHUP.
#[derive(Debug)]
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let created = builder.prefix("mcp-multiplayer-").permissions(private).tempdir();
        let directory =
            created.with_context(|| format!("cannot create a directory in {}", std::env::temp_dir().display()))?;
        let path = directory.path().to_owned();
        let wait_for_signal = catch_signals()?;
        // In a thread of its own, because the main thread may be blocked by reading from the terminal.
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let signal = wait_for_signal();
            // Files that a dying worker still writes there are left for the system to remove.
            let _ = std::fs::remove_dir_all(&path);
            std::process::exit(128 + signal);
        })?;
        Ok(Self(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Catches SIGINT, SIGTERM and SIGHUP from now on. The returned function waits for the first of them and returns its
/// number.
fn catch_signals() -> Result<impl FnOnce() -> i32 + Send> {
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
