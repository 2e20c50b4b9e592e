//! How much callers may do: requests by address and by principal, channels by principal, wrong tokens by address.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use mcp_multiplayer_protocol::{Error, ErrorCode, Timestamp};

use crate::auth::Principal;
use crate::clock::Clock;
use crate::config::Config;
use crate::net::AddressKey;

const DAY: Duration = Duration::from_hours(24);
/// How many wrong tokens an address may show in [`WRONG_TOKENS_WINDOW`].
const WRONG_TOKENS: u32 = 600;
const WRONG_TOKENS_WINDOW: Duration = Duration::from_mins(1);

/// The quotas of all callers, kept in memory: a restart forgives.
pub(crate) struct Quotas {
    addresses: Limiter<AddressKey>,
    principals: Limiter<Principal>,
    channels: Limiter<Principal>,
    wrong_tokens: Mutex<HashMap<AddressKey, Window>>,
    clock: Steady,
}

/// How often something happened since a moment.
#[derive(Clone, Copy, Debug)]
struct Window {
    count: u32,
    since: Duration,
}

impl Window {
    fn age(self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }
}

impl Quotas {
    pub(crate) fn new(config: &Config, clock: &Clock) -> Self {
        let clock = Steady::new(clock.clone());
        let per_second = |rate, burst| Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst));
        let daily = at_least_one(config.channels_per_day);
        let per_day = Quota::with_period(DAY / daily.get()).expect("a day has more nanoseconds than a u32 has values");
        Self {
            addresses: Limiter::new(
                per_second(config.address_requests_per_second, config.address_requests_burst),
                clock.clone(),
            ),
            principals: Limiter::new(per_second(config.requests_per_second, config.requests_burst), clock.clone()),
            channels: Limiter::new(per_day.allow_burst(daily), clock.clone()),
            wrong_tokens: Mutex::default(),
            clock,
        }
    }

    /// Counts a request from an address, whoever sends it.
    pub(crate) fn request_from(&self, address: IpAddr) -> Result<(), Error> {
        self.addresses.take(&AddressKey::of(address)).map_err(|wait| {
            limited("More requests come from this address than the relay takes.", "Wait a moment, then go on.", wait)
        })
    }

    /// Counts a request of a principal, through whichever door.
    pub(crate) fn request_of(&self, principal: &Principal) -> Result<(), Error> {
        self.principals.take(principal).map_err(|wait| {
            limited(
                "You send more requests than the relay takes.",
                "Wait a moment, then go on. To follow a channel, wait for messages (sync_messages) instead of asking often.",
                wait,
            )
        })
    }

    /// Counts a channel that a principal is about to make.
    pub(crate) fn channel_of(&self, principal: &Principal) -> Result<(), Error> {
        self.channels.take(principal).map_err(|wait| {
            limited(
                "You have made as many channels as the relay allows in a day.",
                "Go on in a channel that you have (list_channels), or make the next one later.",
                wait,
            )
        })
    }

    /// Whether an address may show a token that the relay does not know to be good.
    pub(crate) fn may_try_token(&self, address: IpAddr) -> Result<(), Error> {
        let now = self.clock.now();
        let windows = self.wrong_tokens();
        let Some(window) = windows.get(&AddressKey::of(address)) else { return Ok(()) };
        let left = WRONG_TOKENS_WINDOW.saturating_sub(window.age(now));
        if window.count < WRONG_TOKENS || left.is_zero() {
            return Ok(());
        }
        Err(limited(
            "Too many wrong tokens came from this address.",
            "Check the token that you send; a valid one is taken again in a minute.",
            left,
        ))
    }

    /// Counts a token that was wrong.
    pub(crate) fn wrong_token(&self, address: IpAddr) {
        let now = self.clock.now();
        let mut windows = self.wrong_tokens();
        let window = windows.entry(AddressKey::of(address)).or_insert(Window { count: 0, since: now });
        if window.age(now) >= WRONG_TOKENS_WINDOW {
            *window = Window { count: 0, since: now };
        }
        window.count += 1;
    }

    /// Forgets callers whose quota is whole again.
    pub(crate) fn forget_idle(&self) {
        self.addresses.forget_idle();
        self.principals.forget_idle();
        self.channels.forget_idle();
        let now = self.clock.now();
        self.wrong_tokens().retain(|_, window| window.age(now) < WRONG_TOKENS_WINDOW);
    }

    fn wrong_tokens(&self) -> MutexGuard<'_, HashMap<AddressKey, Window>> {
        self.wrong_tokens.lock().expect("no code panics while it holds this lock")
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Quotas")
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

fn limited(message: &'static str, hint: &'static str, wait: Duration) -> Error {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    Error::new(ErrorCode::RateLimit, message, hint).retry_after(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// One quota, for each key.
struct Limiter<K: Hash + Eq + Clone>(RateLimiter<K, DashMapStateStore<K>, Steady, NoOpMiddleware<Duration>>);

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(quota: Quota, clock: Steady) -> Self {
        Self(RateLimiter::dashmap_with_clock(quota, clock))
    }

    /// Takes one, or says how long until there is one.
    fn take(&self, key: &K) -> Result<(), Duration> {
        self.0.check_key(key).map_err(|until| until.wait_time_from(self.0.clock().now()))
    }

    fn forget_idle(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

/// The time since the relay began, by a clock that may be set back: nobody must wait until it is where it was.
#[derive(Clone)]
struct Steady(Arc<Passed>);

struct Passed {
    clock: Clock,
    seen: Mutex<(Timestamp, Duration)>,
}

impl Steady {
    fn new(clock: Clock) -> Self {
        let now = clock.now();
        Self(Arc::new(Passed { clock, seen: Mutex::new((now, Duration::ZERO)) }))
    }
}

impl governor::clock::Clock for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let now = self.0.clock.now();
        let mut seen = self.0.seen.lock().expect("no code panics while it holds this lock");
        let (then, passed) = *seen;
        let step = u64::try_from(now.as_millis() - then.as_millis()).unwrap_or(0);
        *seen = (now, passed + Duration::from_millis(step));
        seen.1
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use mcp_multiplayer_protocol::Timestamp;

    use super::{Quotas, WRONG_TOKENS};
    use crate::auth::Principal;
    use crate::clock::Clock;
    use crate::config::Config;

    fn quotas() -> (Arc<AtomicI64>, Quotas) {
        let config = Config {
            requests_per_second: 2,
            requests_burst: 3,
            address_requests_per_second: 1,
            address_requests_burst: 1,
            channels_per_day: 2,
            ..Config::default()
        };
        let millis = Arc::new(AtomicI64::new(1_000_000));
        let shown = Arc::clone(&millis);
        let clock = Clock::new(move || Timestamp::from_millis(shown.load(Ordering::SeqCst)));
        (millis, Quotas::new(&config, &clock))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_the_average() {
        let (millis, quotas) = quotas();
        let (alice, bob) = (Principal::person("alice"), Principal::person("bob"));
        for _ in 0..3 {
            quotas.request_of(&alice).unwrap();
        }
        assert_eq!(quotas.request_of(&alice).unwrap_err().retry_after_ms, Some(500));
        quotas.request_of(&bob).unwrap();
        millis.fetch_add(500, Ordering::SeqCst);
        quotas.request_of(&alice).unwrap();
        assert!(quotas.request_of(&alice).is_err());
        // Only whoever is at rest is forgotten.
        quotas.forget_idle();
        assert!(quotas.request_of(&alice).is_err());
        millis.fetch_add(60_000, Ordering::SeqCst);
        quotas.forget_idle();
        assert!(quotas.principals.0.is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let (millis, quotas) = quotas();
        quotas.request_from(address("192.0.2.1")).unwrap();
        millis.fetch_sub(3_600_000, Ordering::SeqCst);
        assert!(quotas.request_from(address("192.0.2.1")).is_err());
        millis.fetch_add(1_000, Ordering::SeqCst);
        quotas.request_from(address("192.0.2.1")).unwrap();
    }

    #[test]
    fn a_days_channels_may_be_made_at_once() {
        let (millis, quotas) = quotas();
        let alice = Principal::person("alice");
        quotas.channel_of(&alice).unwrap();
        quotas.channel_of(&alice).unwrap();
        assert_eq!(quotas.channel_of(&alice).unwrap_err().retry_after_ms, Some(12 * 3_600_000));
        millis.fetch_add(12 * 3_600_000, Ordering::SeqCst);
        quotas.channel_of(&alice).unwrap();
    }

    #[test]
    fn so_many_wrong_tokens_a_minute_are_enough() {
        let (millis, quotas) = quotas();
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..WRONG_TOKENS {
            quotas.may_try_token(one).unwrap();
            quotas.wrong_token(one);
        }
        assert_eq!(quotas.may_try_token(one).unwrap_err().retry_after_ms, Some(60_000));
        quotas.may_try_token(other).unwrap();
        millis.fetch_add(60_000, Ordering::SeqCst);
        quotas.may_try_token(one).unwrap();
        quotas.forget_idle();
        assert!(quotas.wrong_tokens().is_empty());
    }
}
