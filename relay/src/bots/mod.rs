//! Runs the hooks of the bots that are attached to live channels.
//!
//! Each attached bot of a live channel has a [`runner`] that follows the log. For every entry that
//! starts hooks of the bot, it has the supervisor run them and appends their effects. Bots' code,
//! sandbox and limits are the supervisor's business, not this module's.
//!
//! - `runner`: the task of one bot: which hook is next, and when to try again;
//! - `load`: a runner from the bot's row in the store;
//! - `hook`: one call, and its effects as one batch;
//! - `timers`, `close`: the bot's changes that no hook makes;
//! - `backoff`: the pauses between attempts.

mod backoff;
mod close;
mod hook;
mod load;
mod runner;
mod timers;

pub(crate) use runner::start;
