//! The relay: the server that hosts channels, and the bots that referee them.
//!
//! A request passes `listener` → `router` → a transport or page (`mcp`, `rest`, `ws`, `oauth`, `web`) → `operation` →
//! `channel` → the store. `bots` runs the hooks that an append starts. docs/ARCHITECTURE.md follows a message through them.

pub mod auth;
mod bots;
mod changes;
mod channel;
pub mod clock;
pub mod config;
mod database;
mod egress;
mod error;
pub mod keys;
mod listener;
mod mcp;
mod net;
mod oauth;
mod operation;
pub mod operator;
mod pace;
mod practice;
mod problem;
mod quota;
mod receipt;
mod rest;
mod retention;
mod router;
mod runtime_file;
mod startup;
mod state;
pub mod telemetry;
mod web;
mod webhooks;
mod ws;

pub use mcp_multiplayer_relay_store as store;

pub use database::{Purpose, database_path, open_database};
pub use keys::{LogKey, RelayKey};
pub use listener::{Tls, serve};
pub use mcp::Handler as McpHandler;
pub use operation::Caller;
pub use receipt::operator_receipt;
pub use router::mcp_router;
pub use runtime_file::RuntimeFile;
pub use startup::{check_addresses, open};
pub use state::Relay;
