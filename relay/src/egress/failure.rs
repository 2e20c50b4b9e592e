use std::io;

use mcp_multiplayer_bot_supervisor::{EgressErrorKind, EgressResponse};

/// Why something that a bot asked for was not done.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: EgressErrorKind,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(kind: EgressErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the operating system said of a connection to `peer`.
    pub(super) fn of(error: &io::Error, peer: &str) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
            NotConnected, TimedOut, UnexpectedEof,
        };
        let (kind, said) = match error.kind() {
            ConnectionRefused => (EgressErrorKind::Unreachable, format!("{peer} refused the connection")),
            HostUnreachable | NetworkUnreachable => (EgressErrorKind::Unreachable, format!("no way leads to {peer}")),
            TimedOut => (EgressErrorKind::Timeout, format!("{peer} did not answer in time")),
            ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | UnexpectedEof => {
                (EgressErrorKind::Reset, format!("{peer} broke off the connection"))
            }
            _ => (EgressErrorKind::Unreachable, format!("{peer}: {error}")),
        };
        Self::new(kind, said)
    }
}

impl From<Failure> for EgressResponse {
    fn from(failure: Failure) -> Self {
        Self::Failed { kind: failure.kind, message: failure.message }
    }
}
