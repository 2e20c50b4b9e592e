use mcp_multiplayer_protocol::{Error, Reply};
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::error::internal;

/// Serializes the result of an operation.
pub(super) fn reply<T: Serialize>(result: Result<T, Error>) -> Result<Reply, Error> {
    to_raw_value(&result?).map_err(|error| internal(&error))
}

/// Size of a part of an answer in JSON, in bytes.
pub(super) fn json_bytes(part: &impl Serialize) -> Result<usize, Error> {
    Ok(serde_json::to_vec(part).map_err(|error| internal(&error))?.len())
}
