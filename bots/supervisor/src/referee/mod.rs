//! The pure part of refereeing: builds the input of a hook from the log, and turns its report into log entries.
//!
//! A relay and a replay run the same functions over the same log, which is why a replay can prove something. No I/O, no
//! clock, no randomness here.

mod append;
mod memory;
mod seed;
mod turn;

pub use memory::Memory;
pub use seed::{EPOCHS, Seeds};
pub use turn::{HookOutput, Turn, Verdict};
