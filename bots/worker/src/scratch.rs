//! The temporary directory for bots' workspaces in the commands `check`, `play` and `replay`.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// True once a signal ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Never returns if a signal is ending the process. The command may have failed only because its directory was removed, and its
/// exit status is then the signal's.
pub(crate) fn leave_exit_to_signal() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Number of times that an interrupted command tries to remove its directory.
const REMOVAL_ATTEMPTS: u32 = 1_000;

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
            INTERRUPTED.store(true, Ordering::SeqCst);
            // A hook that is running may add a file while the directory is being removed.
            for _ in 0..REMOVAL_ATTEMPTS {
                let _ = std::fs::remove_dir_all(&path);
                if !path.exists() {
                    break;
                }
                std::thread::yield_now();
            }
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
