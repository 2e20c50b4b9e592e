use std::net::IpAddr;
use std::time::Duration;

use super::limiter::Limiter;
use super::rate::Rate;
use crate::clock::Clock;
use crate::net::AddressKey;

/// A rate limit on each client address. Requests whose address is unknown share one bucket.
#[derive(Debug)]
pub(crate) struct AddressLimiter(Limiter<Option<AddressKey>>);

impl AddressLimiter {
    /// Allows `count` events at once, and as many within each `period` from then on.
    pub(crate) fn new(count: u32, period: Duration, clock: &Clock) -> Self {
        Self(Limiter::new(Rate::per(period, count), clock))
    }

    /// Counts one event; over the limit, returns the seconds to wait, rounded up, as `Retry-After` states them.
    pub(crate) fn take(&self, address: Option<IpAddr>) -> Result<(), u64> {
        let taken = self.0.take(&address.map(AddressKey::of));
        taken.map_err(|wait| (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::AddressLimiter;
    use crate::quota::settable_clock::settable_clock;

    #[test]
    fn each_address_has_its_own_share() {
        let (time, clock) = settable_clock();
        let limiter = AddressLimiter::new(2, Duration::from_hours(1), &clock);
        let at = |address: &str| Some(address.parse().unwrap());
        assert!(limiter.take(at("192.0.2.1")).is_ok() && limiter.take(at("192.0.2.1")).is_ok());
        assert_eq!(limiter.take(at("192.0.2.1")), Err(1_800));
        time.advance(Duration::from_millis(500));
        assert_eq!(limiter.take(at("::ffff:192.0.2.1")), Err(1_800), "rounded up");
        assert!(limiter.take(at("192.0.2.2")).is_ok());
        for address in ["2001:db8::1", "2001:db8::2"] {
            assert!(limiter.take(at(address)).is_ok());
        }
        assert!(limiter.take(at("2001:db8::3")).is_err());
        assert!(limiter.take(at("2001:db8:0:1::3")).is_ok());
        assert!(limiter.take(None).is_ok() && limiter.take(None).is_ok() && limiter.take(None).is_err());
    }
}
