use mcp_multiplayer_protocol::operation::Health;
use mcp_multiplayer_protocol::{Error, frame};

use super::Session;

impl Session {
    /// Is the relay there, and which one is it?
    #[expect(clippy::unused_async, reason = "all operations are called alike")]
    pub(super) async fn health_check(&self) -> Result<Health, Error> {
        Ok(Health {
            status: "ok".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: frame::SUBPROTOCOL.to_owned(),
            sandbox: crate::bots::WALL.to_owned(),
            wall: None,
        })
    }
}
