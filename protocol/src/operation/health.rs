use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::WallReport;

/// Is the relay there, and which one is it?
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {}

/// What [`HealthCheck`] returns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// The relay's version.
    pub version: String,
    /// The WebSocket subprotocol that it speaks.
    pub protocol: String,
    /// How strongly bots are walled in.
    pub sandbox: String,
    /// What that consists of, and what trying the forbidden acts showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall: Option<WallReport>,
}
