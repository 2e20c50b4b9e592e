use mcp_multiplayer_protocol::operation::ReplyFuture;
use mcp_multiplayer_protocol::{Error, ErrorCode, Multiplayer, Request};

use crate::RelayUrlError;

/// Takes the place of a [`RelayClient`](crate::RelayClient) if the address of the relay is invalid. Every operation fails
/// with the reason.
#[derive(Debug)]
pub struct NoRelay(Error);

impl NoRelay {
    /// Logs the reason.
    pub fn new(reason: &RelayUrlError) -> Self {
        let error = Error::new(
            ErrorCode::RelayUnreachable,
            format!("{reason}."),
            "Correct --relay (MCP_MULTIPLAYER_RELAY) in the settings of your client, or remove it to use the relay on \
             this machine; then restart this MCP server.",
        );
        tracing::error!("{error}");
        Self(error)
    }
}

impl Multiplayer for NoRelay {
    fn perform(&self, _: Request) -> ReplyFuture<'_> {
        Box::pin(async { Err(self.0.clone()) })
    }
}
