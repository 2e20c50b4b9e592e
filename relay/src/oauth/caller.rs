//! Where a caller is, and how much it may ask for from there.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::Extensions;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::net::AddressKey;
use crate::net::ClientAddress;

/// Addresses that are remembered before those that have waited long enough are forgotten.
const REMEMBERED: usize = 10_000;

/// The address that a request came from, if it is known.
pub(super) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address)
}

/// Something that each address may have so often in a while.
pub(super) struct PerAddress {
    limiter: DefaultKeyedRateLimiter<Option<AddressKey>>,
}

impl PerAddress {
    /// At most `count` at once, and as many within `period` from then on.
    pub(super) fn new(count: u32, period: Duration) -> Self {
        let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period / count.get()).unwrap_or_else(|| Quota::per_second(count));
        Self { limiter: RateLimiter::keyed(quota.allow_burst(count)) }
    }

    /// Counts one more, or says after how many seconds there may be another. Callers from nowhere share a place.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Result<(), u64> {
        if self.limiter.len() >= REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&address.map(AddressKey::of)).map_err(|wait| {
            let wait = wait.wait_time_from(DefaultClock::default().now());
            wait.as_secs() + 1
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::PerAddress;

    #[test]
    fn each_address_has_its_own_share() {
        let shares = PerAddress::new(2, Duration::from_hours(1));
        let at = |address: &str| Some(address.parse().unwrap());
        assert!(shares.take(at("192.0.2.1")).is_ok() && shares.take(at("192.0.2.1")).is_ok());
        let wait = shares.take(at("192.0.2.1")).unwrap_err();
        assert!((1_790..=1_801).contains(&wait), "{wait}");
        assert!(shares.take(at("::ffff:192.0.2.1")).is_err());
        assert!(shares.take(at("192.0.2.2")).is_ok());
        for address in ["2001:db8::1", "2001:db8::2"] {
            assert!(shares.take(at(address)).is_ok());
        }
        assert!(shares.take(at("2001:db8::3")).is_err());
        assert!(shares.take(at("2001:db8:0:1::3")).is_ok());
        assert!(shares.take(None).is_ok() && shares.take(None).is_ok() && shares.take(None).is_err());
    }
}
