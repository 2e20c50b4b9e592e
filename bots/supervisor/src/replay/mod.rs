//! Replays the bots of a channel from its receipt, and compares what they do with the log.

mod compare;
mod error;
mod log;
mod recorded_egress;
mod replayer;
mod report;

pub use error::ReplayError;
pub use replayer::Replayer;
pub use report::{BotReplay, Difference, Replayed, Unchecked};
