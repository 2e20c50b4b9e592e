use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mcp_multiplayer_protocol::Timestamp;

use crate::clock::Clock;

/// The time of a clock that a test controls.
pub(crate) struct SettableTime(Arc<AtomicI64>);

/// A clock that stands still until the test moves it.
pub(crate) fn settable_clock() -> (SettableTime, Clock) {
    let millis = Arc::new(AtomicI64::new(1_000_000_000));
    let time = SettableTime(Arc::clone(&millis));
    (time, Clock::new(move || Timestamp::from_millis(millis.load(Ordering::SeqCst))))
}

impl SettableTime {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(millis(by), Ordering::SeqCst);
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.0.fetch_sub(millis(by), Ordering::SeqCst);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}
