//! The relay: hosts channels, and the bots that referee them.
//!
//! Front doors (`http`, `mcp`, `ws`) → `auth` → `operation` → `channel` → `store`, and `bots` beside
//! the channels. docs/ARCHITECTURE.md walks a message through it.

pub mod auth;
mod bots;
mod channel;
pub mod clock;
pub mod config;
mod error;
mod export;
mod failpoint;
mod http;
mod mcp;
mod oauth;
mod operation;
mod outside;
mod quota;
mod rest;
pub mod secret;
mod serve;
mod state;
pub mod store;
pub mod telemetry;
mod web;
mod ws;

pub use export::export;
pub use http::mcp_router;
pub use mcp::Handler as McpHandler;
pub use operation::Session;
pub use secret::RelayKey;
pub use serve::{Encryption, serve};
pub use state::Relay;
