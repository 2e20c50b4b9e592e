//! The pure part of refereeing: what a hook is called with, and what its report comes to in the log.
//!
//! A relay and a replay run the very same functions over the same log; that is what makes a replay
//! worth anything. No I/O, no clock, no randomness here.

mod append;
mod memory;
mod seed;
mod turn;

pub use memory::Memory;
pub use seed::{EPOCHS, Seeds};
pub use turn::{HookOutput, Turn, Verdict};
