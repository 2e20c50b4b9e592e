//! The control group (cgroup v2) of the zygote and its workers, which limits their memory as a whole.
//!
//! This process can create one only within a group that the system has delegated to it, as systemd does with
//! `Delegate=memory pids`, and a container with a writable `/sys/fs/cgroup`. The rules are those of
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>, "Delegation".

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Mount point of the hierarchy.
const HIERARCHY: &str = "/sys/fs/cgroup";
/// Controllers that the limits need.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// Processes in addition to the workers: the zygote, its parent, spare workers and those of the sandbox self-test.
const OTHER_PROCESSES: usize = 16;

/// Reason why there is no control group for bots.
#[derive(Debug, Error)]
pub enum NoControlGroup {
    /// The system has no control groups of version 2, or none that this process may read.
    #[error("no control groups of version 2")]
    Unsupported,
    /// The controllers are not available in this process's group.
    #[error("the system does not delegate the controllers memory and pids")]
    NotDelegated,
    /// Only a group without processes can have groups within it that are limited.
    #[error("other processes are in the relay's control group")]
    Shared,
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Creates the control group, and returns its directory for [`SupervisorConfig`](crate::SupervisorConfig).
///
/// Moves this process into another new group beside it, because a group with processes of its own cannot have groups
/// within it that are limited. So this process must be the only one in its group.
pub fn create_bots_group(memory_bytes: u64, workers: usize) -> Result<PathBuf, NoControlGroup> {
    let groups = fs::read_to_string("/proc/self/cgroup").map_err(|_| NoControlGroup::Unsupported)?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/")).ok_or(NoControlGroup::Unsupported)?;
    create_within(&Path::new(HIERARCHY).join(path), std::process::id(), memory_bytes, workers)
}

/// Creates the control group within the group in directory `own`, in which `process` is.
fn create_within(own: &Path, process: u32, memory_bytes: u64, workers: usize) -> Result<PathBuf, NoControlGroup> {
    let process = process.to_string();
    let read = |file| fs::read_to_string(own.join(file)).map_err(|_| NoControlGroup::Unsupported);
    let available = read("cgroup.controllers")?;
    if !CONTROLLERS.iter().all(|controller| available.split_whitespace().any(|name| name == *controller)) {
        return Err(NoControlGroup::NotDelegated);
    }
    if read("cgroup.procs")?.trim() != process {
        return Err(NoControlGroup::Shared);
    }
    let (relay, bots) = (own.join("relay"), own.join("bots"));
    create_directory(&relay)?;
    write(&relay.join("cgroup.procs"), &process)?;
    write(&own.join("cgroup.subtree_control"), &CONTROLLERS.map(|controller| format!("+{controller}")).join(" "))?;
    create_directory(&bots)?;
    write(&bots.join("memory.max"), &memory_bytes.to_string())?;
    // A kernel without swap does not have this file.
    if bots.join("memory.swap.max").exists() {
        write(&bots.join("memory.swap.max"), "0")?;
    }
    // When memory runs out, one worker ends, and not the zygote with all of them.
    write(&bots.join("memory.oom.group"), "0")?;
    // Twice as many, because a zygote and its workers may still be ending when the next zygote starts.
    write(&bots.join("pids.max"), &(2 * workers.saturating_add(OTHER_PROCESSES)).to_string())?;
    Ok(bots)
}

fn create_directory(path: &Path) -> Result<(), NoControlGroup> {
    match fs::create_dir(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(NoControlGroup::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), NoControlGroup> {
    fs::write(path, text).map_err(|source| NoControlGroup::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::{NoControlGroup, create_within};

    /// A directory with the files of a control group, in which process 7 is alone.
    fn group() -> TempDir {
        let group = tempfile::tempdir().unwrap();
        fs::write(group.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        fs::write(group.path().join("cgroup.procs"), "7\n").unwrap();
        group
    }

    #[test]
    fn the_group_limits_memory_and_processes_and_the_relay_moves_out_of_the_way() {
        let own = group();
        let bots = create_within(own.path(), 7, 1_000_000, 64).unwrap();
        assert_eq!(bots, own.path().join("bots"));
        for (file, text) in [
            ("relay/cgroup.procs", "7"),
            ("cgroup.subtree_control", "+memory +pids"),
            ("bots/memory.max", "1000000"),
            ("bots/memory.oom.group", "0"),
            ("bots/pids.max", "160"),
        ] {
            assert_eq!(fs::read_to_string(own.path().join(file)).unwrap(), text, "{file}");
        }
        assert!(!bots.join("memory.swap.max").exists(), "a kernel without swap has no such file");
    }

    #[test]
    fn swap_is_off_where_the_kernel_can_limit_it() {
        let own = group();
        fs::create_dir(own.path().join("bots")).unwrap();
        let swap = own.path().join("bots/memory.swap.max");
        fs::write(&swap, "max\n").unwrap();
        create_within(own.path(), 7, 1_000_000, 64).unwrap();
        assert_eq!(fs::read_to_string(swap).unwrap(), "0");
    }

    #[test]
    fn nothing_changes_in_a_group_that_is_not_delegated_or_has_other_processes() {
        let own = group();
        assert!(matches!(create_within(own.path(), 8, 1, 1), Err(NoControlGroup::Shared)));
        fs::write(own.path().join("cgroup.procs"), "7\n8\n").unwrap();
        assert!(matches!(create_within(own.path(), 7, 1, 1), Err(NoControlGroup::Shared)));
        fs::write(own.path().join("cgroup.controllers"), "hugetlb\n").unwrap();
        assert!(matches!(create_within(own.path(), 7, 1, 1), Err(NoControlGroup::NotDelegated)));
        assert!(!own.path().join("relay").exists());
        fs::remove_file(own.path().join("cgroup.controllers")).unwrap();
        assert!(matches!(create_within(own.path(), 7, 1, 1), Err(NoControlGroup::Unsupported)));
    }
}
