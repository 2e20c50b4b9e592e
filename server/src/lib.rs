//! The stdio MCP server: what Claude Desktop and others launch, between them and a relay.
//!
//! Life of a tool call: [`stdio`] reads a line, `rmcp` routes it to the `mcp` crate, which turns it into
//! a [`Request`](mcp_multiplayer_protocol::Request) for [`RelayClient`]; that numbers it, sends it to
//! the relay over one WebSocket and hands the answer back. Everything that isn't a tool call is
//! answered from here, relay reachable or not.
//!
//! Nothing but MCP may ever be written to standard output; logs go to standard error.
#![deny(clippy::print_stdout)]

pub mod args;
mod backoff;
mod client;
mod connection;
mod dial;
mod relay_url;
mod seats;
pub mod stdio;
mod tls;
mod token;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_mcp::{McpServer, PipeService};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

pub use client::RelayClient;
pub use dial::Dialer;
pub use relay_url::{RelayUrl, RelayUrlError};
pub use token::{TokenSource, data_dir};

/// How long calls under way may still finish after the client closed our standard input.
const GRACE: Duration = Duration::from_millis(250);

/// Serves one MCP client until it closes `reader`, or `shutdown` resolves.
///
/// Returns with calls still waiting: whoever closed the pipe doesn't read their results.
pub async fn serve<R, W>(reader: R, writer: W, dialer: Dialer, shutdown: impl Future<Output = ()>)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let end_of_input = CancellationToken::new();
    let transport = stdio::LineTransport::new(reader, writer, end_of_input.clone());
    let server = McpServer::over(Arc::new(RelayClient::new(dialer)));
    // rmcp's own handshake ends the server at a notification that comes before `initialize`. Without
    // it, `initialize` and `server/discover` are requests like any others, in any order.
    let service = rmcp::service::serve_directly(PipeService::new(server), transport, None);
    let cut_short = async {
        end_of_input.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = service.waiting() => {
            if let Err(error) = ended {
                tracing::error!(%error, "the MCP service failed");
            }
        }
        () = cut_short => {}
        () = shutdown => {}
    }
}
