use mcp_multiplayer_protocol::{Error, ErrorCode, limits};

/// Checks a name that people will read: 1 to 100 characters, none of them a control character, and not only spaces.
pub(super) fn checked_name(argument: &str, name: &str) -> Result<String, Error> {
    let length = name.chars().count();
    if length == 0 || length > limits::NAME_CHARS || name.chars().any(char::is_control) || name.trim().is_empty() {
        return Err(Error::invalid(
            format!("Argument '{argument}' must be 1 to {} printable characters.", limits::NAME_CHARS),
            "Choose a short name on one line.",
        ));
    }
    Ok(name.to_owned())
}

/// The error for an argument that exceeds a limit in bytes.
pub(super) fn too_large(what: &str, size: usize, limit: usize) -> Error {
    Error::new(
        ErrorCode::TooLarge,
        format!("{what} is {size} bytes; the relay takes at most {limit}."),
        "Send less, or split it.",
    )
}
