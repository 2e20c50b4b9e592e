//! A root directory of the bots' own, which holds the Python library and little else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, mount_remount, unmount};
use rustix::process::pivot_root;

/// Where a worker's own files are, under the new root.
const WORKSPACE: &str = "/workspace";

/// Makes a new root at `stage`, an empty directory, in which only `visible` is, read-only; returns the path at
/// which each worker is to mount its workspace.
pub(super) fn pivot(stage: &Path, visible: &[PathBuf]) -> Result<PathBuf> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", stage, "tmpfs", flags, c"size=1m,mode=0755").context("tmpfs for the root")?;
    for path in visible {
        link_on_the_way(stage, path).with_context(|| path.display().to_string())?;
    }
    for path in outermost(visible) {
        show(stage, &path).with_context(|| path.display().to_string())?;
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

/// The files and directories that these paths lead to, without those that are inside of another one.
fn outermost(visible: &[PathBuf]) -> Vec<PathBuf> {
    // In this order a directory comes before everything that is in it.
    let real: BTreeSet<PathBuf> = visible.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut outermost: Vec<PathBuf> = Vec::new();
    for path in real {
        if !outermost.last().is_some_and(|outer| path.starts_with(outer)) {
            outermost.push(path);
        }
    }
    outermost
}

/// Shows a file or directory under the new root, at the same path. The path holds no symbolic links.
fn show(stage: &Path, real: &Path) -> Result<()> {
    let target = below(stage, real);
    if real.is_dir() {
        fs::create_dir_all(&target)?;
    } else {
        fs::create_dir_all(target.parent().unwrap_or(stage))?;
        fs::write(&target, "")?;
    }
    mount_bind_recursive(real, &target).context("bind")?;
    // What the mount was not allowed before, it must not be allowed now.
    let kept = statvfs(&target)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID;
    for (had, keeps) in [
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if kept.contains(had) {
            flags |= keeps;
        }
    }
    mount_remount(&target, flags, "").context("read-only")
}

/// Makes the symbolic links that lead to a path, such as `/lib` to `usr/lib`.
fn link_on_the_way(stage: &Path, path: &Path) -> Result<()> {
    let mut way = PathBuf::from("/");
    for part in path.strip_prefix("/").unwrap_or(path).components() {
        way.push(part);
        let Ok(target) = fs::read_link(&way) else { continue };
        let here = below(stage, &way);
        if here.symlink_metadata().is_err() {
            fs::create_dir_all(here.parent().unwrap_or(stage))?;
            symlink(&target, &here)?;
        }
        let next = way.parent().unwrap_or(Path::new("/")).join(&target);
        let rest = path.strip_prefix(&way).unwrap_or(Path::new(""));
        return link_on_the_way(stage, &normal(&next.join(rest)));
    }
    Ok(())
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            std::path::Component::ParentDir => drop(normal.pop()),
            std::path::Component::CurDir => {}
            other => normal.push(other),
        }
        normal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_all_that_is_in_it_in_whatever_order_they_are_named() {
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
