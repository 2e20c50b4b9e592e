use std::time::Duration;

const MIN_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Delays between attempts to connect: none before the first attempt, then 100 ms, doubling up to 5 s.
///
/// Jitter spreads the attempts, so that the clients of a restarted relay do not all reconnect at the same time.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    next_delay: Duration,
}

impl Backoff {
    /// Returns the delay before the next attempt.
    pub(crate) fn delay(&mut self) -> Duration {
        let delay = self.next_delay;
        self.next_delay = (delay * 2).clamp(MIN_DELAY, MAX_DELAY);
        // If the system supplies no randomness, the delay is used without jitter.
        let factor = getrandom::u32().map_or(1.0, |random| 0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0);
        delay.mul_f64(factor)
    }

    /// Starts over, so that the next attempt is made without delay.
    pub(crate) fn reset(&mut self) {
        self.next_delay = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, MAX_DELAY};

    #[test]
    fn delays_grow_to_a_limit_and_start_over() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.delay(), Duration::ZERO);
        for expected in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].map(Duration::from_millis) {
            let delay = backoff.delay();
            assert!(expected / 2 <= delay && delay <= expected.min(MAX_DELAY), "{delay:?} instead of {expected:?}");
        }
        backoff.reset();
        assert_eq!(backoff.delay(), Duration::ZERO);
    }
}
