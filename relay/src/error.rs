//! What callers hear when the relay itself fails: nothing of the cause, which is logged once.

use std::fmt::Display;

use mcp_multiplayer_protocol::Error;

use crate::store::StoreError;

/// Logs a cause, and makes the error for the caller.
pub(crate) fn internal(cause: &impl Display) -> Error {
    tracing::error!(error.cause = %cause, "an operation failed");
    Error::internal()
}

/// `map_err` for the store's errors.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
pub(crate) fn store_failed(error: StoreError) -> Error {
    internal(&error)
}
