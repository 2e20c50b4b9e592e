//! How much the bots of a channel may exchange with the outside world.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;

/// Look-ups of names, connections, and bytes in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) lookups: u64,
    pub(super) connections: u64,
    pub(super) bytes: u64,
}

/// Counts what each channel has used since the hour began.
#[derive(Debug)]
pub(super) struct Budget {
    clock: Clock,
    per_hour: Amount,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    /// Hours since the epoch.
    hour: i64,
    channels: HashMap<String, Amount>,
}

impl Budget {
    pub(super) fn new(clock: Clock, per_hour: Amount) -> Self {
        Self { clock, per_hour, used: Mutex::default() }
    }

    pub(super) fn per_hour(&self) -> Amount {
        self.per_hour
    }

    /// Counts one more look-up; false if the channel may make no more in this hour.
    pub(super) fn take_lookup(&self, channel_id: &str) -> bool {
        let mut used = self.this_hour();
        let channel = used.channels.entry(channel_id.to_owned()).or_default();
        let free = channel.lookups < self.per_hour.lookups;
        channel.lookups += u64::from(free);
        free
    }

    /// Counts one more connection; false if the channel may have no more in this hour.
    pub(super) fn take_connection(&self, channel_id: &str) -> bool {
        let mut used = self.this_hour();
        let channel = used.channels.entry(channel_id.to_owned()).or_default();
        let free = channel.connections < self.per_hour.connections;
        channel.connections += u64::from(free);
        free
    }

    /// Bytes that the channel may still exchange in this hour.
    pub(super) fn bytes_left(&self, channel_id: &str) -> u64 {
        let used = self.this_hour().channels.get(channel_id).map_or(0, |channel| channel.bytes);
        self.per_hour.bytes.saturating_sub(used)
    }

    /// Counts bytes that were exchanged.
    pub(super) fn count_bytes(&self, channel_id: &str, bytes: u64) {
        let mut used = self.this_hour();
        let channel = used.channels.entry(channel_id.to_owned()).or_default();
        channel.bytes = channel.bytes.saturating_add(bytes);
    }

    fn this_hour(&self) -> MutexGuard<'_, Used> {
        let hour = self.clock.now().as_millis().div_euclid(3_600_000);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.hour != hour {
            *used = Used { hour, channels: HashMap::new() };
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use mcp_multiplayer_protocol::Timestamp;

    use super::{Amount, Budget};
    use crate::clock::Clock;

    #[test]
    fn a_channel_gets_its_share_again_each_hour() {
        let time = Arc::new(AtomicI64::new(1_000));
        let shown = Arc::clone(&time);
        let clock = Clock::new(move || Timestamp::from_millis(shown.load(Ordering::Relaxed)));
        let budget = Budget::new(clock, Amount { lookups: 1, connections: 2, bytes: 100 });
        assert!(budget.take_connection("a") && budget.take_connection("a") && !budget.take_connection("a"));
        assert!(budget.take_connection("b"));
        assert!(budget.take_lookup("a") && !budget.take_lookup("a"));
        budget.count_bytes("a", 70);
        assert_eq!((budget.bytes_left("a"), budget.bytes_left("b")), (30, 100));
        budget.count_bytes("a", 70);
        assert_eq!(budget.bytes_left("a"), 0);
        time.store(3_600_000, Ordering::Relaxed);
        assert!(budget.take_connection("a"));
        assert_eq!(budget.bytes_left("a"), 100);
    }
}
