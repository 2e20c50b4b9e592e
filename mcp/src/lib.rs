//! The MCP server of mcp-multiplayer: tools, prompts, resources and instructions.
//!
//! [`McpServer`] is an adapter on top of [`Multiplayer`](mcp_multiplayer_protocol::Multiplayer). The stdio
//! server implements that trait by a connection to a relay. The relay's HTTP endpoint implements it by the relay itself,
//! for the principal of each request. This crate makes no decisions about channels, and no answer depends on an MCP
//! session, because the newest protocol has none.
#![warn(missing_docs)]

mod apps;
mod channel_uri;
mod compact;
mod completion;
pub mod events;
mod follow;
mod methods;
mod note;
mod progress;
mod prompts;
mod resources;
mod result;
mod schema;
mod server;
mod service;
mod subscriptions;
mod tool_call;
mod tools;
mod wake;

pub use prompts::PRESETS;
pub use server::McpServer;
pub use service::StdioService;
pub use tool_call::ToolCall;
