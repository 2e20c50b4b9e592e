use std::io;

use mcp_multiplayer_protocol::{Error, ErrorCode};

use super::known::Finding;

/// Reason for which an answer is not shown.
pub(super) enum Unverified {
    Contradiction(Finding),
    Error(Error),
}

impl From<Finding> for Unverified {
    fn from(finding: Finding) -> Self {
        Self::Contradiction(finding)
    }
}

impl From<Error> for Unverified {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Unverified {
    fn from(error: io::Error) -> Self {
        Self::Error(cannot_keep(&error))
    }
}

pub(super) fn unverifiable(reason: &str) -> Error {
    Error::new(
        ErrorCode::RelayContradiction,
        format!("The relay's answer cannot be verified, and was not shown: {reason}."),
        "Try again. If that does not help, tell your user: the relay is of another version, or does not sign what it says.",
    )
}

pub(super) fn cannot_keep(error: &io::Error) -> Error {
    Error::new(
        ErrorCode::InternalError,
        format!("The MCP server mcp-multiplayer cannot read or write what it has verified so far: {error}."),
        "Make sure that there is room on the disk and that DATA_DIR is a directory that this program can write to, then try again.",
    )
}

pub(super) fn no_data_directory() -> Error {
    cannot_keep(&io::Error::other("the data directory is unknown"))
}
