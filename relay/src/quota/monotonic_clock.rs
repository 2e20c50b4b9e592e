use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_multiplayer_protocol::Timestamp;

use crate::clock::Clock;

/// The time that has passed on the relay's clock, not counting steps backwards.
///
/// Limits measured by the wall clock would lock callers out when it is set back: every bucket would wait until the clock
/// reached its old time again.
#[derive(Clone)]
pub(super) struct MonotonicClock(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// The last reading of the wall clock, and the time that had passed by then.
    last: Mutex<(Timestamp, Duration)>,
}

impl MonotonicClock {
    pub(super) fn new(clock: &Clock) -> Self {
        Self(Arc::new(Inner { clock: clock.clone(), last: Mutex::new((clock.now(), Duration::ZERO)) }))
    }

    /// The time since this clock was made.
    pub(super) fn elapsed(&self) -> Duration {
        let mut last = self.0.last.lock().expect("no code panics while it holds this lock");
        // Read under the lock, so that another thread's later reading is not mistaken for a step backwards.
        let now = self.0.clock.now();
        let (then, elapsed) = *last;
        let step = u64::try_from(now.as_millis() - then.as_millis()).unwrap_or(0);
        *last = (now, elapsed + Duration::from_millis(step));
        last.1
    }
}

impl governor::clock::Clock for MonotonicClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.elapsed()
    }
}
