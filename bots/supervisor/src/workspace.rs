//! The directory that a bot may write to.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
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

    /// A file that no bot may read, for the sandbox's self-test.
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

    /// Takes away whatever is in it. It counts until the workspace is dropped: its worker may have it open.
    pub(crate) async fn empty(&self) -> Result<(), Unavailable> {
        if !self.has_files() {
            return Ok(());
        }
        let (path, taken) = (self.path.clone(), self.taken());
        let emptied = spawn_blocking(move || {
            make_private(&taken)?;
            fs::read_dir(&path)?.try_for_each(|entry| {
                let entry = entry?;
                make_ours(&entry)?;
                fs::rename(entry.path(), taken.join(entry.file_name()))
            })
        });
        flatten(emptied.await).map_err(failed(&self.path))
    }

    /// Where what was taken away is.
    fn taken(&self) -> PathBuf {
        self.path.with_extension("taken")
    }

    /// The bytes of all files in it, and of those that were taken away.
    pub(crate) async fn bytes(&self) -> u64 {
        let taken = self.taken();
        if !self.has_files() && !taken.exists() {
            return 0;
        }
        let path = self.path.clone();
        let counted = spawn_blocking(move || bytes_below(&path).saturating_add(bytes_below(&taken)));
        counted.await.unwrap_or(u64::MAX)
    }

    // What most hooks need to know, without a trip to another thread.
    pub(crate) fn has_files(&self) -> bool {
        fs::read_dir(&self.path).map_or(true, |mut entries| entries.next().is_some())
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let (used, taken) = (self.has_files(), self.taken());
        let path = std::mem::take(&mut self.path);
        let remove = move || [path, taken].iter().for_each(|path| remove(path));
        match Handle::try_current() {
            Ok(runtime) if used => drop(runtime.spawn_blocking(remove)),
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
            remove(&entry.path());
        }
    }
}

/// Removes a directory; what can't be removed is left to the next relay.
fn remove(directory: &Path) {
    let _ = clear(directory).and_then(|()| fs::remove_dir(directory));
}

/// Removes whatever is in a directory, which a bot may have nested as deeply as it could.
///
/// What is in a subdirectory is moved up before that is removed: `remove_dir_all` holds a descriptor for each level.
fn clear(directory: &Path) -> io::Result<()> {
    let mut names = (0_u64..).map(|number| directory.join(format!("moved-up-{number}")));
    loop {
        let entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
                continue;
            }
            make_ours(&entry)?;
            for inner in fs::read_dir(entry.path())?.collect::<io::Result<Vec<_>>>()? {
                make_ours(&inner)?;
                let free = names.find(|name| name.symlink_metadata().is_err()).expect("numbers do not end");
                fs::rename(inner.path(), free)?;
            }
            fs::remove_dir(entry.path())?;
        }
    }
}

/// Gives the relay back the right to look into a directory, and to move it.
fn make_ours(entry: &fs::DirEntry) -> io::Result<()> {
    if entry.file_type()?.is_dir() {
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// What the smallest file or directory takes.
const NODE_BYTES: u64 = 4096;

/// The bytes of all files below a directory; more than any limit where it can't be looked into.
fn bytes_below(directory: &Path) -> u64 {
    let mut bytes = 0_u64;
    let mut directories = vec![directory.to_owned()];
    // Not recursive: it is the bot that decides how deep this goes.
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            // It may have been removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // Nested more deeply than a path is long, or locked.
            Err(_) => return u64::MAX,
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            bytes = bytes.saturating_add(metadata.len().max(NODE_BYTES));
            if metadata.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    bytes
}

fn flatten(joined: Result<io::Result<()>, tokio::task::JoinError>) -> io::Result<()> {
    joined.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Unavailable {
    let path = path.to_owned();
    move |source| Unavailable::Workspace { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_bot_nests_and_locks_is_counted_and_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (pile, next) = (directory.path().join("pile"), directory.path().join("next"));
        fs::create_dir(&pile).expect("a directory");
        fs::write(pile.join("file"), "x").expect("a file");
        // Deeper than a path is long, and than the relay has descriptors.
        for _ in 0..3 {
            let bottom = next.join("d/".repeat(900));
            fs::create_dir_all(&bottom).expect("nested directories");
            fs::set_permissions(&pile, fs::Permissions::from_mode(0o300)).expect("locked");
            fs::rename(&pile, bottom.join("pile")).expect("moved below");
            fs::rename(&next, &pile).expect("renamed");
        }
        assert_eq!(bytes_below(directory.path()), u64::MAX);
        clear(directory.path()).expect("cleared");
        assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 0);
    }
}
