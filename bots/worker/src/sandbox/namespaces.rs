//! Namespaces: users, mounts, network, processes, IPC and host name of the bots' own.
#![expect(unsafe_code, reason = "fork and unshare have no safe interface")]

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Signal, WaitOptions, getgid, getuid, set_parent_process_death_signal, waitpid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::Allowance;

/// Files of a workspace, at most.
const INODES: u32 = 4096;

/// Leaves the machine's namespaces, as whoever this process runs as.
pub(super) fn unshare() -> Result<()> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    let others = UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // SAFETY: the process has one thread and shares nothing with others that it would lose here.
    let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWUSER | others) };
    match unshared {
        Ok(()) => {
            // The same user inside as outside, and nobody else.
            fs::write("/proc/self/setgroups", "deny").context("setgroups")?;
            fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")).context("uid_map")?;
            fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")).context("gid_map")?;
        }
        // Where users have no namespaces, root may do without.
        // SAFETY: as above.
        Err(_) if uid == 0 && unsafe { unshare_unsafe(others) }.is_ok() => {}
        Err(error) => return Err(error).context("unshare"),
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("private mounts")?;
    // Last: after it the next child is the first process of the namespace, and whoever fails must not leave that to a
    // worker, with whose end no other could be forked.
    // SAFETY: as above.
    unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.context("unshare processes")
}

/// Goes on as the first process of the new namespace of processes; the old process waits for its end.
pub(super) fn become_first() -> Result<()> {
    // SAFETY: the process has one thread, and Python is not there yet.
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        // With the first process all others of the namespace end.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        return Ok(());
    }
    // The descriptors are the child's: whoever waits for their other end must not wait for this process.
    close_all_but_stderr();
    let child = rustix::process::Pid::from_raw(child);
    let status = waitpid(child, WaitOptions::empty());
    let code = status.ok().flatten().and_then(|(_, status)| status.exit_status()).unwrap_or(1);
    std::process::exit(code)
}

fn close_all_but_stderr() {
    // SAFETY: nothing in this process uses a descriptor from here on.
    unsafe {
        libc::close(0);
        libc::close(1);
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
}

/// Gives this process a mount table of its own: what it mounts from here on, no other process sees.
pub(super) fn unshare_mounts() -> Result<()> {
    // SAFETY: the process has one thread.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.context("unshare mounts")?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("private mounts")
}

/// Gives this worker a workspace in memory that nobody else sees.
pub(super) fn mount_workspace(path: &Path, allowance: &Allowance) -> Result<()> {
    unshare_mounts()?;
    let options = format!("size={},nr_inodes={INODES},mode=0700", allowance.file_bytes);
    let options = std::ffi::CString::new(options).expect("digits and letters");
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", path, "tmpfs", flags, &*options).context("tmpfs")
}
