use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait before the next dial: at first not at all, then 100 ms, doubling to 5 s, each with jitter, so that
/// the clients of a relay that restarts don't all come back at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    /// The next wait.
    pub(crate) fn delay(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).clamp(FIRST, LONGEST);
        // Without randomness from the system the full wait does as well.
        let share = getrandom::u32().map_or(1.0, |random| 0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0);
        wait.mul_f64(share)
    }

    /// The relay is there: the next dial need not wait.
    pub(crate) fn reset(&mut self) {
        self.next = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, LONGEST};

    #[test]
    fn waits_grow_to_a_limit_and_start_over() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.delay(), Duration::ZERO);
        for expected in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].map(Duration::from_millis) {
            let wait = backoff.delay();
            assert!(expected / 2 <= wait && wait <= expected.min(LONGEST), "{wait:?} of {expected:?}");
        }
        backoff.reset();
        assert_eq!(backoff.delay(), Duration::ZERO);
    }
}
