use mcp_multiplayer_protocol::operation::Health;
use mcp_multiplayer_protocol::{Error, frame};

use super::Caller;

impl Caller {
    /// Returns the relay's version and the state of its bot sandbox.
    pub(super) async fn health_check(&self) -> Result<Health, Error> {
        Ok(Health {
            status: "ok".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: frame::SUBPROTOCOL.to_owned(),
            sandbox: self.relay.sandbox_level().await.unwrap_or("none").to_owned(),
            sandbox_report: self.relay.sandbox_report().await.ok().cloned(),
        })
    }
}
