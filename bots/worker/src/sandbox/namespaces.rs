//! Namespaces: users, mounts, network, processes, IPC and host name separate from those of the machine.
#![expect(unsafe_code, reason = "fork and unshare have no safe interface")]

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Signal, WaitOptions, getgid, getuid, set_parent_process_death_signal, waitpid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::config::SandboxConfig;

/// Maximum number of files in a workspace.
const MAX_FILES: u32 = 4096;

/// Moves this process into new namespaces, in which it keeps its user and group ids.
pub(super) fn unshare() -> Result<()> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    let others = UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // SAFETY: the process has one thread and shares nothing with others that it would lose here.
    let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWUSER | others) };
    match unshared {
        Ok(()) => {
            // Maps this user and group to themselves. No other id exists in the namespace, not even root.
            fs::write("/proc/self/setgroups", "deny").context("setgroups")?;
            fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")).context("uid_map")?;
            fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")).context("gid_map")?;
        }
        // Some platforms have no user namespaces, or disable them. Root can create the others without one.
        // SAFETY: as above.
        Err(_) if uid == 0 && unsafe { unshare_unsafe(others) }.is_ok() => {}
        Err(error) => return Err(error).context("unshare"),
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("private mounts")?;
    // This must be the last step. It does not move this process; the next child becomes the first process of the new
    // namespace, and when that process ends, no process can be forked into the namespace any more. If a later step
    // failed and the zygote went on without the layer, its first worker would become that process, and no worker could
    // be started after it. SAFETY: as above.
    unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.context("unshare processes")
}

/// Continues in a child, which is the first process (pid 1) of the new process namespace. The original process only
/// waits for the child and exits with its status.
///
/// Pid 1 is special in three ways, all of which suit the zygote. When it ends, the kernel kills every other process of
/// the namespace, so that no worker outlives it. No signal from within the namespace ends it, so that no bot can. And
/// it becomes the parent of orphaned processes.
///
/// The fork must happen before Python starts: afterwards, Python and its libraries could have threads, locks and cached
/// process ids that a fork invalidates.
pub(super) fn continue_as_init() -> Result<()> {
    // SAFETY: the process has one thread, and Python has not started.
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        // If the waiting process is killed, this one ends too, and with it every worker.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        return Ok(());
    }
    // Otherwise the supervisor would not see the end of the child as the end of the socket, which would still be open
    // here.
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

/// Gives this process a mount namespace of its own: no other process sees its mounts from here on.
pub(super) fn unshare_mounts() -> Result<()> {
    // SAFETY: the process has one thread.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.context("unshare mounts")?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("private mounts")
}

/// Mounts a workspace in memory that only this worker sees.
pub(super) fn mount_workspace(path: &Path, config: &SandboxConfig) -> Result<()> {
    unshare_mounts()?;
    let options = format!("size={},nr_inodes={MAX_FILES},mode=0700", config.file_bytes);
    let options = std::ffi::CString::new(options).expect("no null byte in digits and letters");
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", path, "tmpfs", flags, &*options).context("tmpfs")
}
