//! Tries in a child process what a process cannot take back.
//!
//! A platform may allow the first step into a namespace and refuse the second: Ubuntu 24.04 lets anybody `unshare`
//! and then denies every mount, and container runtimes filter single system calls. A process that has taken half of
//! the steps can neither go on nor return. So a child takes them first, and only what worked there is done for real.
#![expect(unsafe_code, reason = "fork has no safe interface")]

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, WaitOptions, waitpid};

/// Runs `attempt` in a child process, which then ends, and returns its result.
///
/// The caller must have one thread.
pub(super) fn run(attempt: impl FnOnce() -> Result<()>) -> Result<()> {
    let (mut read, mut write) = std::io::pipe().context("pipe")?;
    // SAFETY: the process has one thread, and the child leaves only through `_exit`.
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        drop(read);
        let outcome = attempt().map_or_else(|error| format!("{error:#}"), |()| WORKED.to_owned());
        // When this fails, the parent finds the outcome missing.
        let _ = write.write_all(outcome.as_bytes());
        // SAFETY: ends the process without running what belongs to the parent.
        unsafe { libc::_exit(0) }
    }
    drop(write);
    let mut outcome = String::new();
    let result = read.read_to_string(&mut outcome);
    let _ = waitpid(Pid::from_raw(child), WaitOptions::empty());
    result.context("reading the outcome of a trial")?;
    match outcome.as_str() {
        WORKED => Ok(()),
        "" => bail!("the process that tried it was killed"),
        reason => bail!("{reason}"),
    }
}

/// The child's report that the attempt succeeded.
const WORKED: &str = "worked";
