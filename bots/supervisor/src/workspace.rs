//! The directories that bots may write to.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::error::Unavailable;

/// The directory with the workspaces of one supervisor; removed when dropped.
#[derive(Debug)]
pub(crate) struct Workspaces {
    root: PathBuf,
    /// The directory, locked while it is in use. The system releases the lock when this process ends, however it ends.
    _lock: File,
}

impl Workspaces {
    /// Creates the directory under `parent`, and removes directories of relays that were killed.
    pub(crate) fn new(parent: &Path) -> Result<Self, Unavailable> {
        let (root, lock) = Self::create_root(parent).map_err(failed(parent))?;
        Ok(Self { root, _lock: lock })
    }

    fn create_root(parent: &Path) -> io::Result<(PathBuf, File)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        // Locked until this function returns, so that nobody removes the new directory before it is locked itself.
        let parent_lock = File::open(parent)?;
        parent_lock.lock()?;
        remove_stale(parent);
        let pid = std::process::id();
        let mut names = (0_u64..).map(|number| parent.join(format!("{PREFIX}{pid}-{number}")));
        let root = names.find(|name| name.symlink_metadata().is_err()).expect("there are enough numbers");
        fs::DirBuilder::new().mode(0o700).create(&root)?;
        let lock = File::open(&root)?;
        lock.lock()?;
        // Without symbolic links, so that the path is the same for the bot, whose root directory may lack them.
        Ok((root.canonicalize()?, lock))
    }

    /// A workspace, whose directory does not exist yet. A worker with a workspace in memory never needs it.
    pub(crate) fn new_workspace(&self) -> Workspace {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Workspace { path: self.root.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string()) }
    }

    /// Creates the empty directory on which the zygote mounts its root.
    pub(crate) fn create_stage(&self) -> Result<PathBuf, Unavailable> {
        let path = self.root.join("stage");
        create_private(&path).map_err(failed(&path))?;
        Ok(path)
    }

    /// Creates a file that the sandbox's self-test must not be able to read.
    pub(crate) fn create_canary(&self) -> Result<PathBuf, Unavailable> {
        let path = self.root.join("canary");
        fs::write(&path, "no bot reads this").map_err(failed(&path))?;
        Ok(path)
    }
}

impl Drop for Workspaces {
    fn drop(&mut self) {
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

    /// Creates the directory. A worker that is forked does that itself, if it needs the directory.
    pub(crate) fn create(&self) -> Result<(), Unavailable> {
        create_private(&self.path).map_err(failed(&self.path))
    }

    /// Removes all files from the bot's view.
    ///
    /// They are moved to a directory beside the workspace, not deleted, and count towards its size until the workspace
    /// is dropped: the worker may still have them open, and then a deleted file would go on taking space uncounted.
    pub(crate) async fn empty(&self) -> Result<(), Unavailable> {
        if !self.has_files() {
            return Ok(());
        }
        let (path, trash) = (self.path.clone(), self.trash());
        let emptied = spawn_blocking(move || {
            create_private(&trash)?;
            fs::read_dir(&path)?.try_for_each(|entry| {
                let entry = entry?;
                restore_access(&entry)?;
                fs::rename(entry.path(), trash.join(entry.file_name()))
            })
        });
        flatten(emptied.await).map_err(failed(&self.path))
    }

    /// The directory for removed files.
    fn trash(&self) -> PathBuf {
        self.path.with_extension("trash")
    }

    /// Total size of its files, including those that [`empty`](Self::empty) has moved away.
    pub(crate) async fn bytes(&self) -> u64 {
        let trash = self.trash();
        if !self.has_files() && !trash.exists() {
            return 0;
        }
        let path = self.path.clone();
        let counted = spawn_blocking(move || bytes_below(&path).saturating_add(bytes_below(&trash)));
        counted.await.unwrap_or(u64::MAX)
    }

    /// Returns whether the bot has left any file. Fast enough to be called without `spawn_blocking`, and all that is
    /// needed after most hooks.
    pub(crate) fn has_files(&self) -> bool {
        match fs::read_dir(&self.path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let (used, trash) = (self.has_files(), self.trash());
        let path = std::mem::take(&mut self.path);
        let remove = move || [path, trash].iter().for_each(|path| remove(path));
        match Handle::try_current() {
            Ok(runtime) if used => drop(runtime.spawn_blocking(remove)),
            _ => remove(),
        }
    }
}

/// Prefix of a directory's name; the id of the relay's process and a number follow.
const PREFIX: &str = "relay-";

/// Creates a private directory, unless it exists. Its parent must exist: a root that is being removed must not come back.
fn create_private(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// Removes the directories that no process has locked. Their process ids say nothing: they may be in use again, by the same
/// relay in a new container for example.
fn remove_stale(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && File::open(entry.path()).is_ok_and(|directory| directory.try_lock().is_ok()) {
            remove(&entry.path());
        }
    }
}

/// Removes a directory. What cannot be removed now is left for the next relay's [`remove_stale`].
fn remove(directory: &Path) {
    let _ = clear(directory).and_then(|()| fs::remove_dir(directory));
}

/// Removes everything in a directory, however deeply a bot has nested it.
///
/// The contents of a subdirectory are moved up before the subdirectory is removed. `remove_dir_all` would not do: it
/// keeps a descriptor open for each level, and a bot can make more levels than the relay has descriptors.
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
            restore_access(&entry)?;
            for inner in fs::read_dir(entry.path())?.collect::<io::Result<Vec<_>>>()? {
                restore_access(&inner)?;
                let unused = names.find(|name| name.symlink_metadata().is_err()).expect("there are enough numbers");
                fs::rename(inner.path(), unused)?;
            }
            fs::remove_dir(entry.path())?;
        }
    }
}

/// Gives this process access to a directory whose mode the bot has changed.
fn restore_access(entry: &fs::DirEntry) -> io::Result<()> {
    if entry.file_type()?.is_dir() {
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Disk space of the smallest file or directory.
const NODE_BYTES: u64 = 4096;

/// Total size of all files below a directory. `u64::MAX`, which is over any limit, if it can't be read completely.
fn bytes_below(directory: &Path) -> u64 {
    let mut bytes = 0_u64;
    let mut directories = vec![directory.to_owned()];
    // Not recursive, because the bot decides on the depth, and a stack is small.
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            // The bot may have removed it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // The path is longer than the system allows, or the bot has denied access.
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
    fn deeply_nested_and_unreadable_directories_are_counted_and_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (pile, next) = (directory.path().join("pile"), directory.path().join("next"));
        fs::create_dir(&pile).expect("a directory");
        fs::write(pile.join("file"), "x").expect("a file");
        // More levels than fit into a path, and than the relay has descriptors.
        for _ in 0..3 {
            let bottom = next.join("d/".repeat(900));
            fs::create_dir_all(&bottom).expect("nested directories");
            fs::set_permissions(&pile, fs::Permissions::from_mode(0o300)).expect("access denied");
            fs::rename(&pile, bottom.join("pile")).expect("moved down");
            fs::rename(&next, &pile).expect("renamed");
        }
        assert_eq!(bytes_below(directory.path()), u64::MAX);
        clear(directory.path()).expect("cleared");
        assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 0);
    }

    #[test]
    fn directories_of_dead_relays_are_removed_although_their_process_ids_are_in_use_again() {
        let parent = tempfile::tempdir().expect("a directory");
        // In a container, a new relay often gets the process id of the one before.
        for pid in [1, std::process::id()] {
            let workspace = parent.path().join(format!("{PREFIX}{pid}/0"));
            fs::create_dir_all(&workspace).expect("a workspace");
            fs::write(workspace.join("secret"), "of another bot").expect("a file");
        }
        let one = Workspaces::new(parent.path()).expect("workspaces");
        let workspace = one.new_workspace();
        workspace.create().expect("a workspace");
        assert!(!workspace.has_files());
        let other = Workspaces::new(parent.path()).expect("workspaces of another relay");
        assert!(workspace.path().exists() && one.root != other.root);
        let directories = || fs::read_dir(parent.path()).expect("the directory").count();
        assert_eq!(directories(), 2);
        drop((workspace, one, other));
        assert_eq!(directories(), 0);
    }
}
