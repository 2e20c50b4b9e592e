//! The process of a worker, whether it was executed or forked.

#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::process::pidfd_send_signal;
use rustix::process::{Pid, Signal, kill_process};
#[cfg(target_os = "linux")]
use tokio::io::{Interest, unix::AsyncFd};
use tokio::process::Child;

/// A worker's process; dropping it kills it.
#[derive(Debug)]
pub(crate) enum Process {
    /// A child of this process.
    Executed(Child),
    /// A child of the zygote.
    #[cfg(target_os = "linux")]
    Forked(ForkedProcess),
}

impl Process {
    /// Kills it, and returns when it has ended.
    pub(crate) async fn kill(self) {
        let killed = match self {
            Self::Executed(mut child) => child.kill().await,
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => {
                forked.send(Signal::KILL);
                forked.0.readable().await.map(drop)
            }
        };
        if let Err(error) = killed {
            tracing::warn!(%error, "cannot kill a bot process");
        }
    }

    /// Stops it until [`resume`](Self::resume) is called. It can be killed in the meantime.
    pub(crate) fn stop(&self) {
        self.send(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.send(Signal::CONT);
    }

    fn send(&self, signal: Signal) {
        match self {
            // The id is there until the child has been waited for, so it cannot belong to another process.
            Self::Executed(child) => {
                // Fails when the process has already ended, and so does the other one.
                let _ = child.id().and_then(pid).map(|pid| kill_process(pid, signal));
            }
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => forked.send(signal),
        }
    }

    /// CPU time that it has used so far, in all its threads; `None` if it has ended, or where `/proc` does not tell.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        let ticks: u64 = self.stat([11, 12])?.iter().map(|ticks| ticks.parse::<u64>().unwrap_or(0)).sum();
        Some(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).ok()?)
    }

    /// Returns whether it is running or waits for a core or the disk, rather than for an event.
    pub(crate) fn is_runnable(&self) -> bool {
        self.stat([0]).is_some_and(|[state]| state == "R" || state == "D")
    }

    /// Fields of `/proc/<pid>/stat`, by their places after the process's name.
    fn stat<const N: usize>(&self, places: [usize; N]) -> Option<[String; N]> {
        let pid = match self {
            Self::Executed(child) => child.id()?,
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => forked.pid()?,
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may contain spaces and parentheses.
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        Some(places.map(|place| fields.get(place).copied().unwrap_or_default().to_owned()))
    }
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(id.cast_signed())
}

/// A process that the zygote forked. It is no child of this process, so it cannot be waited for by its id; instead
/// the zygote sends a pidfd, which becomes readable when the process ends and which cannot refer to another process.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct ForkedProcess(AsyncFd<OwnedFd>);

#[cfg(target_os = "linux")]
impl ForkedProcess {
    #[expect(unsafe_code, reason = "the runtime has no safe way to watch a descriptor")]
    pub(crate) fn new(pidfd: OwnedFd) -> std::io::Result<Self> {
        // SAFETY: an owned descriptor stays open until it is dropped, and here that is after its registration.
        Ok(Self(unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?))
    }

    fn send(&self, signal: Signal) {
        // Fails when the process has already ended.
        let _ = pidfd_send_signal(self.0.get_ref(), signal);
    }

    /// Its process id, as this process sees it; `None` if it has ended.
    fn pid(&self) -> Option<u32> {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.0.get_ref().as_raw_fd())).ok()?;
        // -1 after the end of the process.
        info.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()
    }
}

#[cfg(target_os = "linux")]
impl Drop for ForkedProcess {
    fn drop(&mut self) {
        self.send(Signal::KILL);
    }
}
