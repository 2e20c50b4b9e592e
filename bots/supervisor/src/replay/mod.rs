//! Replays the bots of an exported channel and compares what they do with the log.

mod compare;
mod error;
mod export;
mod log;
mod recorded_egress;
mod replayer;
mod report;

pub use error::ReplayError;
pub use export::{Export, ExportedBot, ExportedExchange, ExportedSeed, FORMAT};
pub use replayer::Replayer;
pub use report::{BotReplay, Difference, Replayed, Unchecked};
