//! The WebSocket endpoint: subprotocol `multiplayer.v1`, specified in docs/PROTOCOL.md.

mod connection;
mod outbox;

use std::fmt;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use mcp_multiplayer_protocol::frame::SUBPROTOCOL;
use tokio_util::task::TaskTracker;

use crate::auth::Credential;
use crate::operation::Caller;
use crate::state::Relay;

/// Largest frame from a client, in bytes.
const FRAME_BYTES: usize = 1024 * 1024;
/// Initial size of a connection's read buffer, in bytes. It grows for a larger frame.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// The state that connections share.
#[derive(Clone)]
pub(crate) struct WebSocketEndpoint {
    relay: Arc<Relay>,
    connections: TaskTracker,
}

impl WebSocketEndpoint {
    pub(crate) fn new(relay: Arc<Relay>, connections: TaskTracker) -> Self {
        Self { relay, connections }
    }
}

impl fmt::Debug for WebSocketEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocketEndpoint")
    }
}

/// Upgrades an authenticated request to a WebSocket.
pub(crate) async fn upgrade(
    State(endpoint): State<WebSocketEndpoint>,
    Extension(credential): Extension<Credential>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .on_upgrade(move |socket| {
            let principal = credential.principal().clone();
            let caller = Caller::new(Arc::clone(&endpoint.relay), credential).with_checkpoints();
            endpoint.connections.track_future(connection::serve(socket, caller, principal, endpoint.relay))
        })
}
