use std::io;

use mcp_multiplayer_bot_supervisor::{EgressErrorKind, EgressResponse};

/// An egress request that failed, and why.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: EgressErrorKind,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(kind: EgressErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Translates an error of the operating system on a connection to `peer`.
    pub(super) fn of(error: &io::Error, peer: &str) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
            NotConnected, TimedOut, UnexpectedEof,
        };
        let (kind, message) = match error.kind() {
            ConnectionRefused => (EgressErrorKind::Unreachable, format!("{peer} refused the connection")),
            HostUnreachable | NetworkUnreachable => (EgressErrorKind::Unreachable, format!("{peer} cannot be reached")),
            TimedOut => (EgressErrorKind::Timeout, format!("{peer} did not answer in time")),
            ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | UnexpectedEof => {
                (EgressErrorKind::Reset, format!("{peer} closed the connection"))
            }
            _ => (EgressErrorKind::Unreachable, format!("{peer}: {error}")),
        };
        Self::new(kind, message)
    }
}

impl From<Failure> for EgressResponse {
    fn from(failure: Failure) -> Self {
        Self::Failed { kind: failure.kind, message: failure.message }
    }
}
