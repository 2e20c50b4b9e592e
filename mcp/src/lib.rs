//! The MCP surface of mcp-multiplayer, written once: tools, prompts, resources and instructions.
//!
//! [`McpServer`] is an adapter over [`Multiplayer`](mcp_multiplayer_protocol::Multiplayer). The stdio
//! server gives it a connection to a relay, the relay's HTTP door gives it the relay itself, for the
//! principal of each request. It decides nothing about channels, and no answer depends on an MCP session:
//! the newest protocol has none.
#![warn(missing_docs)]

mod channel_uri;
mod following;
mod progress;
mod prompts;
mod resources;
mod result;
mod schema;
mod server;
mod service;
mod subscriptions;
mod tools;

pub use server::McpServer;
pub use service::PipeService;
