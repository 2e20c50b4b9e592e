//! The process of a worker, whether it was executed or forked.

#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;

#[cfg(target_os = "linux")]
use rustix::process::{Signal, pidfd_send_signal};
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
                forked.send_kill();
                forked.0.readable().await.map(drop)
            }
        };
        if let Err(error) = killed {
            tracing::warn!(%error, "cannot kill a bot process");
        }
    }
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

    fn send_kill(&self) {
        // Fails when the process has already ended.
        let _ = pidfd_send_signal(self.0.get_ref(), Signal::KILL);
    }
}

#[cfg(target_os = "linux")]
impl Drop for ForkedProcess {
    fn drop(&mut self) {
        self.send_kill();
    }
}
