//! Limits on what callers and bots may use.
//!
//! Two mechanisms serve every limit on usage, both in memory (a restart forgives) and both on the relay's injected clock:
//!
//! - [`Limiter`], a token bucket for each key, where the cost is known before the event: requests, posts, channels,
//!   registrations. [`AddressLimiter`] is one keyed by client address.
//! - [`WindowBudget`], a sum for each key over a fixed window, where the cost is known only afterwards, or where the
//!   limit is a total: tokens that turn out to be invalid, bytes that a server sends to a bot.
//!
//! The budgets of stored bytes need neither: the store counts the bytes, and the channels know them. [`FreeDisk`] is the
//! floor of free disk space.
//!
//! Limits on how much goes on *at a time* (connections, lookups, requests of one WebSocket) are not here: their owners
//! count them, with permits that are released on drop.

mod address_limiter;
mod event_limit;
mod free_disk;
mod limiter;
mod monotonic_clock;
mod quotas;
mod rate;
#[cfg(test)]
mod settable_clock;
mod window_budget;

pub(crate) use self::address_limiter::AddressLimiter;
pub(crate) use self::free_disk::{FreeDisk, watch_free_disk};
pub(crate) use self::quotas::Quotas;
pub(crate) use self::window_budget::WindowBudget;
