//! Internal failures. The cause is logged once, here; the caller gets a generic error that reveals nothing of it, except that
//! the disk is full: then waiting helps.

use std::fmt::Display;

use mcp_multiplayer_protocol::Error;

use crate::store::StoreError;

/// Logs the cause of an internal failure, and returns the error for the caller.
pub(crate) fn internal(cause: &impl Display) -> Error {
    tracing::error!(error.cause = %cause, "operation failed");
    Error::internal()
}

/// Converts an error of the store, for `map_err`.
#[expect(clippy::needless_pass_by_value, reason = "map_err passes the error by value")]
pub(crate) fn store_failed(error: StoreError) -> Error {
    let generic = internal(&error);
    if matches!(error, StoreError::Full { .. }) { Error::storage_full() } else { generic }
}
