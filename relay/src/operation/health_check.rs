use mcp_multiplayer_protocol::operation::Health;
use mcp_multiplayer_protocol::{Error, frame};

use super::Caller;
use crate::state::SandboxStatus;

impl Caller {
    /// Returns the relay's version and the state of its bot sandbox.
    pub(super) async fn health_check(&self) -> Result<Health, Error> {
        let sandbox = self.relay.sandbox_status().await.ok();
        Ok(Health {
            status: "ok".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: frame::SUBPROTOCOL.to_owned(),
            log_origin: self.relay.log.origin().clone(),
            log_key: self.relay.log.public(),
            sandbox: sandbox.map_or("none", SandboxStatus::level).to_owned(),
            sandbox_report: sandbox.map(|status| status.report().clone()),
        })
    }
}
