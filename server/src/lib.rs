//! The stdio MCP server, which Claude Desktop and other MCP clients launch to connect to a relay.
//!
//! Path of a tool call: [`stdio`] reads a line, and `rmcp` routes it to the `mcp` crate, which converts it to
//! a [`Request`](mcp_multiplayer_protocol::Request) for [`VerifiedRelay`]. Its [`RelayClient`] numbers the request, sends it to
//! the relay over one WebSocket connection and returns the answer, which is shown once it is verified. Tools, prompts and documents are listed by this
//! process itself, even if the relay cannot be reached. Only logins and the download of receipts speak HTTP with the relay.
//!
//! Only MCP messages may be written to standard output; logs go to standard error.
#![deny(clippy::print_stdout)]

pub mod args;
mod backoff;
mod bearer_token;
mod client;
pub mod compare;
mod connection;
mod dial;
pub mod doctor;
mod http;
mod invite_link;
mod io_reason;
pub mod login;
mod no_relay;
mod private;
mod reading;
mod receipt;
mod relay_starter;
mod relay_url;
mod relays;
mod seats;
pub mod setup;
pub mod stdio;
mod tls;
mod token;
pub mod verify;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_mcp::{McpServer, StdioService};
use mcp_multiplayer_protocol::Multiplayer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

pub use client::RelayClient;
pub use dial::{Destination, Dialer};
pub use no_relay::NoRelay;
pub use reading::VerifiedRelay;
pub use relay_starter::RelayStarter;
pub use relay_url::{RelayUrl, RelayUrlError};
pub use relays::Relays;
pub use token::{TokenSource, data_dir};

/// Time for unfinished calls to complete after the client has closed standard input.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(250);

/// Serves one MCP client, whose operations `relay` performs, until it closes `reader` or `shutdown` resolves.
///
/// Calls that are still waiting are abandoned, because a client that has closed the pipe does not read their results.
pub async fn serve<R, W>(reader: R, writer: W, relay: Arc<dyn Multiplayer>, shutdown: impl Future<Output = ()>)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let end_of_input = CancellationToken::new();
    let transport = stdio::LineTransport::new(reader, writer, end_of_input.clone());
    let server = McpServer::for_stdio(relay);
    // The handshake of rmcp stops the server if a notification arrives before `initialize`. `serve_directly` skips it, so
    // that `initialize` and `server/discover` are ordinary requests, accepted in any order.
    let service = rmcp::service::serve_directly(StdioService::new(server), transport, None);
    let input_closed = async {
        end_of_input.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        ended = service.waiting() => {
            if let Err(error) = ended {
                tracing::error!(%error, "MCP service failed");
            }
        }
        () = input_closed => {}
        () = shutdown => {}
    }
}
