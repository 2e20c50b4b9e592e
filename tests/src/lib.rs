//! Shared parts of the integration tests: a relay process, and clients of its transports.
//!
//! The tests are in `tests/`, one file for each behaviour. They drive real processes over real
//! sockets; the binaries are those that `cargo build` placed beside the test.

mod event_stream;
mod http_client;
mod lying_relay;
mod processes;
mod relay_process;
mod seeded_random;
mod stdio_client;
mod webhook_receiver;
mod ws_client;

pub use event_stream::EventStream;
pub use http_client::{HttpClient, ToolCall};
pub use lying_relay::LyingRelay;
pub use processes::{Process, processes, send_signal};
pub use relay_process::{RelayProcess, binary};
pub use rustix::process::Signal;
pub use seeded_random::SeededRandom;
pub use stdio_client::StdioClient;
pub use webhook_receiver::{Delivery, WebhookReceiver};
pub use ws_client::{Failure, WsClient};
