//! Tests of the real program between an MCP client on standard input and output and a relay on a WebSocket.

mod client;
mod relay;
#[cfg(test)]
mod support;
