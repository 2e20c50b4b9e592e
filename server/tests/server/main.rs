//! The real program between a client at its pipe and a relay at its WebSocket.

mod pipe;
mod relay;
#[cfg(test)]
mod support;
