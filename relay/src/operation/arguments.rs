use mcp_multiplayer_protocol::{Error, ErrorCode};

/// The error for an argument that exceeds a limit in bytes.
pub(super) fn too_large(what: &str, size: usize, limit: usize) -> Error {
    Error::new(
        ErrorCode::TooLarge,
        format!("{what} is {size} bytes; the relay takes at most {limit}."),
        "Send less, or split it.",
    )
}
