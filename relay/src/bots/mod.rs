//! Which hook runs next, and what becomes of it.
//!
//! Each attached bot of a live channel has a [`runner`] that follows the log. It has the hooks run by
//! the supervisor and appends their effects; what a bot is and may do is the supervisor's business.

mod hook;
mod runner;

pub(crate) use runner::start;
