//! A root directory for bots, which contains the Python library and little else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, mount_remount, unmount};
use rustix::process::pivot_root;

/// Path of a worker's workspace under the new root.
const WORKSPACE: &str = "/workspace";

/// Mounts a new root on the empty directory `stage`, with only the paths in `visible`, read-only, and switches to it.
/// Returns the path at which each worker must mount its workspace.
pub(super) fn pivot(stage: &Path, visible: &[PathBuf]) -> Result<PathBuf> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", stage, "tmpfs", flags, c"size=1m,mode=0755").context("tmpfs for the root")?;
    for path in visible {
        create_symlinks_on(stage, path).with_context(|| path.display().to_string())?;
    }
    for path in outermost(visible) {
        bind_read_only(stage, &path).with_context(|| path.display().to_string())?;
    }
    for path in [WORKSPACE, "/old"] {
        fs::create_dir(below(stage, Path::new(path)))?;
    }
    pivot_root(stage, below(stage, Path::new("/old"))).context("pivot_root")?;
    std::env::set_current_dir("/")?;
    unmount("/old", UnmountFlags::DETACH).context("the old root")?;
    fs::remove_dir("/old")?;
    mount_remount("/", flags | MountFlags::RDONLY, "").context("the new root, read-only")?;
    Ok(PathBuf::from(WORKSPACE))
}

fn below(stage: &Path, path: &Path) -> PathBuf {
    stage.join(path.strip_prefix("/").unwrap_or(path))
}

/// Resolves these paths, and leaves out those that are inside of another one.
pub(crate) fn outermost(visible: &[PathBuf]) -> Vec<PathBuf> {
    // A `BTreeSet` sorts each directory before its contents.
    let real: BTreeSet<PathBuf> = visible.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut outermost: Vec<PathBuf> = Vec::new();
    for path in real {
        if !outermost.last().is_some_and(|outer| path.starts_with(outer)) {
            outermost.push(path);
        }
    }
    outermost
}

/// Makes a file or directory visible at the same path under the new root. The path must not contain symbolic links.
fn bind_read_only(stage: &Path, real: &Path) -> Result<()> {
    let target = below(stage, real);
    if real.is_dir() {
        fs::create_dir_all(&target)?;
    } else {
        fs::create_dir_all(target.parent().unwrap_or(stage))?;
        fs::write(&target, "")?;
    }
    mount_bind_recursive(real, &target).context("bind")?;
    // In a user namespace the kernel refuses a remount that would clear a restriction of the original mount, so each
    // restriction must be stated again.
    let current = statvfs(&target)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID;
    for (current_flag, flag) in [
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if current.contains(current_flag) {
            flags |= flag;
        }
    }
    mount_remount(&target, flags, "").context("read-only")
}

/// Creates the symbolic links on a path under the new root, such as `/lib` to `usr/lib`.
fn create_symlinks_on(stage: &Path, path: &Path) -> Result<()> {
    let mut prefix = PathBuf::from("/");
    for part in path.strip_prefix("/").unwrap_or(path).components() {
        prefix.push(part);
        let Ok(target) = fs::read_link(&prefix) else { continue };
        let link = below(stage, &prefix);
        if link.symlink_metadata().is_err() {
            fs::create_dir_all(link.parent().unwrap_or(stage))?;
            symlink(&target, &link)?;
        }
        let next = prefix.parent().unwrap_or(Path::new("/")).join(&target);
        let rest = path.strip_prefix(&prefix).unwrap_or(Path::new(""));
        return create_symlinks_on(stage, &normalized(&next.join(rest)));
    }
    Ok(())
}

/// Removes `.` and `..` from a path.
fn normalized(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            std::path::Component::ParentDir => drop(path.pop()),
            std::path::Component::CurDir => {}
            other => path.push(other),
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_inside_a_visible_directory_are_left_out_in_any_order() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().canonicalize().unwrap().join(name);
        fs::create_dir_all(at("usr/lib/x86")).unwrap();
        fs::create_dir(at("usr/lib-more")).unwrap();
        fs::write(at("usr/lib/x86/libpython.so"), "").unwrap();
        symlink("usr/lib", at("lib")).unwrap();
        let named = ["usr/lib/x86/libpython.so", "usr/lib/x86", "lib", "usr/lib-more", "usr/lib", "missing"];
        assert_eq!(outermost(&named.map(at)), [at("usr/lib"), at("usr/lib-more")]);
    }
}
