use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mcp_multiplayer_protocol::{ChannelId, Timestamp};

/// Time by which the clock must be behind a channel for a warning, in milliseconds.
const TOLERANCE_MS: i64 = 1_000;
/// Shortest time between two warnings.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);

/// The time of a channel's entries and timers.
///
/// That is the relay's clock, unless the clock is behind the log, because it was ahead and has been corrected. Then it
/// is the time of the last entry, plus the time that has passed since then or since the channel became live. It must
/// not be the time of the last entry alone: timers would wait until the clock has caught up.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelTime {
    /// Time of an entry.
    ts: Timestamp,
    /// The moment at which it was that time.
    since: Instant,
}

impl ChannelTime {
    pub(super) fn new(ts: Timestamp, since: Instant) -> Self {
        Self { ts, since }
    }

    /// The channel's time at a moment at which the relay's clock shows `clock`.
    pub(super) fn at(self, moment: Instant, clock: Timestamp) -> Timestamp {
        let passed = moment.saturating_duration_since(self.since).as_millis();
        let millis = self.ts.as_millis().saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        clock.max(Timestamp::from_millis(millis))
    }
}

/// Warns if the clock is behind a channel's time, at most once a minute for all channels.
pub(super) fn warn_if_behind(clock: Timestamp, time: Timestamp, channel_id: ChannelId, moment: Instant) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);

    let behind_ms = time.as_millis() - clock.as_millis();
    if behind_ms <= TOLERANCE_MS {
        return;
    }
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| moment.saturating_duration_since(last) >= BETWEEN_WARNINGS) {
        *last = Some(moment);
        tracing::warn!(%channel_id, behind_ms, "the system's clock is behind the log; new entries get later times than the clock's");
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use mcp_multiplayer_protocol::Timestamp;

    use super::ChannelTime;

    #[test]
    fn time_goes_on_from_the_log_while_the_clock_is_behind_it() {
        let ts = Timestamp::from_millis;
        let start = Instant::now();
        let time = ChannelTime::new(ts(1_000_000), start);
        assert_eq!(time.at(start, ts(0)), ts(1_000_000));
        assert_eq!(time.at(start + Duration::from_secs(5), ts(5_000)), ts(1_005_000));
        assert_eq!(time.at(start + Duration::from_secs(5), ts(2_000_000)), ts(2_000_000));
    }
}
