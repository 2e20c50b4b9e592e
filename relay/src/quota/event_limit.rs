use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::limiter::Limiter;
use super::rate::Rate;
use crate::clock::Clock;

const PERIOD: Duration = Duration::from_mins(1);
/// Lines about one kind of event in each [`PERIOD`], whoever causes them.
const LINES_IN_ALL: u32 = 60;

/// A limit on log lines about refused requests, so that whoever sends many of them cannot fill the log: for each kind of
/// event, one line a minute about each subject, and 60 lines a minute in all.
pub(super) struct EventLimit {
    by_subject: Limiter<(&'static str, String)>,
    in_all: Limiter<&'static str>,
    /// Number of events that were not logged since the last line, by kind.
    suppressed: Mutex<HashMap<&'static str, u64>>,
}

impl EventLimit {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            by_subject: Limiter::new(Rate::per(PERIOD, 1), clock),
            in_all: Limiter::new(Rate::per(PERIOD, LINES_IN_ALL), clock),
            suppressed: Mutex::default(),
        }
    }

    /// Returns the number of events of this kind that were not logged since the last line, or `None` if this one is not to
    /// be logged either. `subject` is who caused it.
    pub(super) fn admit(&self, event: &'static str, subject: &dyn fmt::Display) -> Option<u64> {
        let is_admitted =
            self.by_subject.take(&(event, subject.to_string())).is_ok() && self.in_all.take(&event).is_ok();
        // No code panics while it holds this lock.
        let mut suppressed = self.suppressed.lock().unwrap_or_else(PoisonError::into_inner);
        let count = suppressed.entry(event).or_default();
        if is_admitted {
            return Some(std::mem::take(count));
        }
        *count += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::EventLimit;
    use crate::quota::settable_clock::settable_clock;

    #[test]
    fn lines_are_limited_by_subject_and_in_all() {
        let (time, clock) = settable_clock();
        let limit = EventLimit::new(&clock);
        assert_eq!(limit.admit("refused", &"alice"), Some(0));
        assert_eq!(limit.admit("refused", &"alice"), None);
        assert_eq!(limit.admit("refused", &"alice"), None);
        assert_eq!(limit.admit("limited", &"alice"), Some(0), "another kind of event");
        assert_eq!(limit.admit("refused", &"bob"), Some(2));
        let logged = (0..1_000).filter(|number| limit.admit("refused", number).is_some()).count();
        assert_eq!(logged, 58, "60 in all");
        time.advance(Duration::from_mins(1));
        assert_eq!(limit.admit("refused", &"alice"), Some(942));
    }
}
