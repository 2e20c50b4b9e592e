//! The directory that a bot may write to.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, test_kill_process};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::error::Unavailable;

/// The directory that holds the workspaces of this process, removed with it.
#[derive(Debug)]
pub(crate) struct Workspaces {
    root: PathBuf,
}

impl Workspaces {
    /// Makes the directory under `parent`, and removes those that a killed relay has left there.
    pub(crate) fn new(parent: &Path) -> Result<Self, Unavailable> {
        let root = parent.join(format!("{PREFIX}{}", std::process::id()));
        make_private(parent).and_then(|()| make_private(&root)).map_err(failed(&root))?;
        remove_left_over(parent);
        // A symbolic link on the way would make the bot's path differ from ours.
        let root = root.canonicalize().map_err(failed(&root))?;
        Ok(Self { root })
    }

    /// Makes an empty workspace.
    pub(crate) fn make(&self) -> Result<Workspace, Unavailable> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let path = self.root.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        make_private(&path).map_err(failed(&path))?;
        Ok(Workspace { path })
    }
}

impl Workspaces {
    /// An empty directory for the zygote.
    pub(crate) fn stage(&self) -> Result<PathBuf, Unavailable> {
        let path = self.root.join("stage");
        make_private(&path).map_err(failed(&path))?;
        Ok(path)
    }

    /// A file that no bot may read, for the wall's self-test.
    pub(crate) fn canary(&self) -> Result<PathBuf, Unavailable> {
        let path = self.root.join("canary");
        fs::write(&path, "no bot reads this").map_err(failed(&path))?;
        Ok(path)
    }
}

impl Drop for Workspaces {
    fn drop(&mut self) {
        // Fails while another supervisor of this process still uses it, and rightly.
        let _ = fs::remove_file(self.root.join("canary"));
        let _ = fs::remove_dir(self.root.join("stage"));
        let _ = fs::remove_dir(&self.root);
    }
}

/// The workspace of one worker; removed when dropped.
#[derive(Debug)]
pub(crate) struct Workspace {
    path: PathBuf,
}

impl Workspace {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes whatever is in it.
    pub(crate) async fn empty(&self) -> Result<(), Unavailable> {
        if !self.has_files() {
            return Ok(());
        }
        let path = self.path.clone();
        let emptied = spawn_blocking(move || fs::read_dir(&path)?.try_for_each(|entry| remove(&entry?)));
        flatten(emptied.await).map_err(failed(&self.path))
    }

    /// The bytes of all files in it.
    pub(crate) async fn bytes(&self) -> u64 {
        if !self.has_files() {
            return 0;
        }
        let path = self.path.clone();
        spawn_blocking(move || bytes_below(&path)).await.unwrap_or(u64::MAX)
    }

    // What most hooks need to know, without a trip to another thread.
    fn has_files(&self) -> bool {
        fs::read_dir(&self.path).map_or(true, |mut entries| entries.next().is_some())
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        let remove = move || drop(fs::remove_dir_all(path));
        match Handle::try_current() {
            Ok(runtime) if self.has_files() => drop(runtime.spawn_blocking(remove)),
            _ => remove(),
        }
    }
}

const PREFIX: &str = "relay-";

fn make_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn remove_left_over(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok()).and_then(Pid::from_raw);
        if pid.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn remove(entry: &fs::DirEntry) -> io::Result<()> {
    if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) }
}

fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let sizes = entries.flatten().filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { bytes_below(&entry.path()) } else { metadata.len() })
    });
    sizes.fold(0, u64::saturating_add)
}

fn flatten(joined: Result<io::Result<()>, tokio::task::JoinError>) -> io::Result<()> {
    joined.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Unavailable {
    let path = path.to_owned();
    move |source| Unavailable::Workspace { path, source }
}
