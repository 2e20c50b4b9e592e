//! The process of a worker, however it was started.

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
    /// Started by itself.
    Executed(Child),
    /// Forked from the zygote.
    #[cfg(target_os = "linux")]
    Forked(Forked),
}

impl Process {
    /// Kills it, and returns when it is gone.
    pub(crate) async fn kill(self) {
        let killed = match self {
            Self::Executed(mut child) => child.kill().await,
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => {
                forked.signal();
                forked.0.readable().await.map(drop)
            }
        };
        if let Err(error) = killed {
            tracing::warn!(%error, "a bot's process could not be killed");
        }
    }
}

/// A process that is known by a descriptor, which becomes readable when it ends.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct Forked(AsyncFd<OwnedFd>);

#[cfg(target_os = "linux")]
impl Forked {
    #[expect(unsafe_code, reason = "the runtime has no safe way to watch a descriptor")]
    pub(crate) fn new(descriptor: OwnedFd) -> std::io::Result<Self> {
        // SAFETY: an owned descriptor stays open until it is dropped, and here that is after its registration.
        Ok(Self(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?))
    }

    fn signal(&self) {
        // Fails when it has ended by itself.
        let _ = pidfd_send_signal(self.0.get_ref(), Signal::KILL);
    }
}

#[cfg(target_os = "linux")]
impl Drop for Forked {
    fn drop(&mut self) {
        self.signal();
    }
}
