use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checkpoint::LogOrigin;
use crate::{PublicKey, SandboxReport};

/// Arguments of `health_check`: none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {}

/// Result of [`HealthCheck`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// The relay's version.
    pub version: String,
    /// The WebSocket subprotocol that the relay supports.
    pub protocol: String,
    /// Name of the relay's log: the first part of the origin of its checkpoints.
    pub log_origin: LogOrigin,
    /// Key that the relay signs them with.
    pub log_key: PublicKey,
    /// Level of the sandbox around bots: `full`, `kernel`, `process`, or `none` when no bot can run.
    pub sandbox: String,
    /// Layers of the sandbox, and the result of its self-test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox_report: Option<SandboxReport>,
}
