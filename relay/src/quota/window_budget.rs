use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::monotonic_clock::MonotonicClock;
use crate::clock::Clock;

/// A total that each key may use within a fixed window, which begins with the key's first use.
///
/// It differs from a token bucket in two ways that its users need. The amount is added after the event, when it is known
/// (bytes received, a token found to be invalid), so that use may exceed the limit; and asking what is left costs nothing.
pub(crate) struct WindowBudget<K> {
    limit: u64,
    length: Duration,
    clock: MonotonicClock,
    windows: Mutex<Windows<K>>,
}

struct Windows<K> {
    by_key: HashMap<K, Window>,
    last_pruned: Duration,
}

#[derive(Clone, Copy)]
struct Window {
    used: u64,
    began: Duration,
}

impl<K: Hash + Eq> WindowBudget<K> {
    /// A budget of `limit` in each window of this length.
    pub(crate) fn new(limit: u64, length: Duration, clock: &Clock) -> Self {
        let windows = Windows { by_key: HashMap::new(), last_pruned: Duration::ZERO };
        Self { limit, length, clock: MonotonicClock::new(clock), windows: Mutex::new(windows) }
    }

    /// The limit of each window.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// The amount that the key may still use in its current window.
    pub(crate) fn left<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> u64
    where
        K: Borrow<Q>,
    {
        self.current(&self.windows(), key).map_or(self.limit, |window| self.limit.saturating_sub(window.used))
    }

    /// The time until the key's window ends, if its budget is used up.
    pub(crate) fn exhausted_for<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Duration>
    where
        K: Borrow<Q>,
    {
        let now = self.clock.elapsed();
        let window = self.current(&self.windows(), key)?;
        (window.used >= self.limit).then(|| self.length.saturating_sub(now.saturating_sub(window.began)))
    }

    /// The time until the key's window ends; `None` if it has none.
    pub(crate) fn ends_in<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Duration>
    where
        K: Borrow<Q>,
    {
        let now = self.clock.elapsed();
        let window = self.current(&self.windows(), key)?;
        Some(self.length.saturating_sub(now.saturating_sub(window.began)))
    }

    /// Adds an amount to what the key has used.
    pub(crate) fn add(&self, key: K, amount: u64) {
        self.add_to(&mut self.windows(), key, amount);
    }

    /// Adds 1 to what the key has used and returns true, or returns false if nothing is left.
    pub(crate) fn take_one(&self, key: K) -> bool {
        let mut windows = self.windows();
        let used = self.current(&windows, &key).map_or(0, |window| window.used);
        if used >= self.limit {
            return false;
        }
        self.add_to(&mut windows, key, 1);
        true
    }

    fn add_to(&self, windows: &mut Windows<K>, key: K, amount: u64) {
        let now = self.clock.elapsed();
        if now.saturating_sub(windows.last_pruned) >= self.length {
            windows.by_key.retain(|_, window| !self.has_ended(window, now));
            windows.last_pruned = now;
        }
        let fresh = Window { used: 0, began: now };
        let window = windows.by_key.entry(key).or_insert(fresh);
        if self.has_ended(window, now) {
            *window = fresh;
        }
        window.used = window.used.saturating_add(amount);
    }

    fn current<Q: Hash + Eq + ?Sized>(&self, windows: &Windows<K>, key: &Q) -> Option<Window>
    where
        K: Borrow<Q>,
    {
        let now = self.clock.elapsed();
        windows.by_key.get(key).copied().filter(|window| !self.has_ended(window, now))
    }

    fn has_ended(&self, window: &Window, now: Duration) -> bool {
        now.saturating_sub(window.began) >= self.length
    }

    fn windows(&self) -> MutexGuard<'_, Windows<K>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> fmt::Debug for WindowBudget<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowBudget({} in {:?})", self.limit, self.length)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::WindowBudget;
    use crate::quota::settable_clock::settable_clock;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn each_key_gets_its_budget_again_when_its_window_ends() {
        let (time, clock) = settable_clock();
        let budget: WindowBudget<&str> = WindowBudget::new(100, HOUR, &clock);
        budget.add("a", 70);
        assert_eq!((budget.left("a"), budget.left("b"), budget.exhausted_for("a")), (30, 100, None));
        time.advance(HOUR / 4);
        budget.add("a", 70);
        assert_eq!((budget.left("a"), budget.exhausted_for("a")), (0, Some(HOUR / 4 * 3)));
        time.advance(HOUR / 4 * 3);
        assert_eq!((budget.left("a"), budget.exhausted_for("a")), (100, None));
        budget.add("a", 1);
        assert_eq!(budget.left("a"), 99);
    }

    #[test]
    fn one_at_a_time_is_taken_up_to_the_limit() {
        let (time, clock) = settable_clock();
        let budget: WindowBudget<&str> = WindowBudget::new(2, HOUR, &clock);
        assert!(budget.take_one("a") && budget.take_one("a") && !budget.take_one("a"));
        assert!(budget.take_one("b"));
        time.advance(HOUR);
        assert!(budget.take_one("a"));
    }

    #[test]
    fn keys_whose_window_ended_are_dropped() {
        let (time, clock) = settable_clock();
        let budget: WindowBudget<&str> = WindowBudget::new(2, HOUR, &clock);
        budget.add("a", 1);
        time.advance(HOUR);
        budget.add("b", 1);
        assert_eq!(budget.windows().by_key.keys().collect::<Vec<_>>(), [&"b"]);
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_no_window() {
        let (time, clock) = settable_clock();
        let budget: WindowBudget<&str> = WindowBudget::new(1, HOUR, &clock);
        budget.add("a", 1);
        time.set_back(HOUR);
        assert_eq!(budget.exhausted_for("a"), Some(HOUR));
        time.advance(HOUR);
        assert_eq!(budget.exhausted_for("a"), None);
    }
}
