use std::fmt;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;

use super::monotonic_clock::MonotonicClock;
use super::rate::Rate;
use crate::clock::Clock;

/// Interval at which keys whose bucket is full again are dropped.
const PRUNE_EVERY: Duration = Duration::from_mins(1);

/// A token bucket for each key, all with the same [`Rate`] (GCRA, as `governor` implements it).
pub(crate) struct Limiter<K: Hash + Eq + Clone> {
    buckets: RateLimiter<K, DashMapStateStore<K>, MonotonicClock, NoOpMiddleware<Duration>>,
    last_pruned: Mutex<Duration>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    pub(super) fn new(rate: Rate, clock: &Clock) -> Self {
        let buckets = RateLimiter::dashmap_with_clock(rate.quota(), MonotonicClock::new(clock));
        Self { buckets, last_pruned: Mutex::default() }
    }

    /// Takes one token from the key's bucket; if it is empty, returns the time until it has one.
    pub(super) fn take(&self, key: &K) -> Result<(), Duration> {
        self.prune_if_due();
        self.buckets.check_key(key).map_err(|until| until.wait_time_from(self.buckets.clock().now()))
    }

    /// Drops the keys whose bucket is full again: a new bucket would be no different.
    fn prune_if_due(&self) {
        // If another thread prunes, this one has nothing to do.
        let Ok(mut last_pruned) = self.last_pruned.try_lock() else { return };
        let now = self.buckets.clock().now();
        if now.saturating_sub(*last_pruned) >= PRUNE_EVERY {
            *last_pruned = now;
            self.buckets.retain_recent();
            self.buckets.shrink_to_fit();
        }
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limiter")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Limiter, PRUNE_EVERY, Rate};
    use crate::quota::settable_clock::settable_clock;

    #[test]
    fn a_burst_passes_and_then_the_sustained_rate() {
        let (time, clock) = settable_clock();
        let limiter = Limiter::new(Rate::per_second(20, 3), &clock);
        assert!((0..3).all(|_| limiter.take(&"alice").is_ok()));
        assert_eq!(limiter.take(&"alice"), Err(Duration::from_millis(50)));
        assert!(limiter.take(&"bob").is_ok());
        time.advance(Duration::from_millis(49));
        assert_eq!(limiter.take(&"alice"), Err(Duration::from_millis(1)));
        time.advance(Duration::from_millis(1));
        assert!(limiter.take(&"alice").is_ok());
        time.advance(Duration::from_mins(1));
        assert!((0..3).all(|_| limiter.take(&"alice").is_ok()));
        assert!(limiter.take(&"alice").is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_refills_nothing_and_locks_nobody_out() {
        let (time, clock) = settable_clock();
        let limiter = Limiter::new(Rate::per_second(1, 1), &clock);
        limiter.take(&"alice").unwrap();
        time.set_back(Duration::from_hours(1));
        assert!(limiter.take(&"alice").is_err());
        time.advance(Duration::from_secs(1));
        limiter.take(&"alice").unwrap();
    }

    #[test]
    fn only_keys_with_a_full_bucket_are_dropped() {
        let (time, clock) = settable_clock();
        let limiter = Limiter::new(Rate::per(PRUNE_EVERY * 4, 4), &clock);
        for key in ["alice", "alice", "alice", "alice", "bob"] {
            limiter.take(&key).unwrap();
        }
        time.advance(PRUNE_EVERY * 2 + Duration::from_millis(1));
        limiter.take(&"carol").unwrap();
        assert_eq!(limiter.buckets.len(), 2, "bob was dropped");
        assert!(limiter.take(&"alice").is_ok() && limiter.take(&"alice").is_ok());
        assert!(limiter.take(&"alice").is_err());
    }
}
