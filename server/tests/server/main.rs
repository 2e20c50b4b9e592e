//! Tests of the real program between an MCP client on standard input and output and a relay on a WebSocket, and of its
//! commands for people.

mod client;
#[cfg(test)]
mod home;
mod relay;
mod setup;
#[cfg(test)]
mod setup_files;
#[cfg(test)]
mod support;
