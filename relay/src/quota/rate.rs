use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

/// The sustained rate and the capacity of a token bucket. Zero counts as one: a bucket always lets something through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate(Quota);

impl Rate {
    /// `count` events per second, with bursts of up to `burst` events.
    pub(super) fn per_second(count: u32, burst: u32) -> Self {
        Self(Quota::per_second(at_least_one(count)).allow_burst(at_least_one(burst)))
    }

    /// `count` events per `period`, all of which may come at once.
    pub(super) fn per(period: Duration, count: u32) -> Self {
        let count = at_least_one(count);
        // The period divided by the count is zero only when both are absurd (four billion events per second).
        let quota = Quota::with_period(period / count.get()).unwrap_or_else(|| Quota::per_second(count));
        Self(quota.allow_burst(count))
    }

    pub(super) fn quota(self) -> Quota {
        self.0
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}
