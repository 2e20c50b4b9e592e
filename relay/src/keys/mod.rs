//! The relay's keys, each in a file of its own beside the database: `relay.key`, from which all derived secrets come, and
//! `log.key`, which signs checkpoints.

mod file;
mod log;
mod relay;
mod seeds;

pub(crate) use file::read_or_create;
pub use log::LogKey;
pub use relay::RelayKey;
pub(crate) use relay::SeatClaim;
