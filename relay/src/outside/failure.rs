use std::io;

use mcp_multiplayer_bot_supervisor::{Answer, FailKind};

/// Why something that a bot asked for was not done.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: FailKind,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(kind: FailKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the operating system said of a connection to `peer`.
    pub(super) fn of(error: &io::Error, peer: &str) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
            NotConnected, TimedOut, UnexpectedEof,
        };
        let (kind, said) = match error.kind() {
            ConnectionRefused => (FailKind::Unreachable, format!("{peer} refused the connection")),
            HostUnreachable | NetworkUnreachable => (FailKind::Unreachable, format!("no way leads to {peer}")),
            TimedOut => (FailKind::Timeout, format!("{peer} did not answer in time")),
            ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | UnexpectedEof => {
                (FailKind::Reset, format!("{peer} broke off the connection"))
            }
            _ => (FailKind::Unreachable, format!("{peer}: {error}")),
        };
        Self::new(kind, said)
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        Self::Failed { kind: failure.kind, message: failure.message }
    }
}
