use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, SlotId};

use super::event_limit::EventLimit;
use super::free_disk::FreeDisk;
use super::limiter::Limiter;
use super::rate::Rate;
use super::window_budget::WindowBudget;
use crate::auth::Principal;
use crate::clock::Clock;
use crate::config::Config;
use crate::net::AddressKey;
use crate::telemetry::SECURITY;

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
/// Invalid tokens that an address may send in [`INVALID_TOKENS_WINDOW`].
const INVALID_TOKENS: u64 = 600;
/// Webhook challenges to one host per minute, whoever causes them.
const CHALLENGES_OF_HOST_PER_MINUTE: u32 = 120;
const INVALID_TOKENS_WINDOW: Duration = Duration::from_mins(1);

/// The quotas of all callers that the configuration sets.
pub(crate) struct Quotas {
    requests_by_address: Limiter<AddressKey>,
    requests_by_principal: Limiter<Principal>,
    channels: Limiter<Principal>,
    posts: Limiter<(ChannelId, SlotId)>,
    posts_per_second: u32,
    challenges_by_principal: Limiter<Principal>,
    challenges_by_host: Limiter<String>,
    invalid_tokens: WindowBudget<AddressKey>,
    seat_hooks: WindowBudget<(ChannelId, SlotId)>,
    seat_bytes: WindowBudget<(ChannelId, SlotId)>,
    bot_hooks: WindowBudget<ChannelId>,
    bot_bytes: WindowBudget<ChannelId>,
    channel_stored_bytes: u64,
    principal_stored_bytes: u64,
    disk: Arc<FreeDisk>,
    events: EventLimit,
}

impl Quotas {
    /// Webhook challenges that one principal may cause per minute.
    pub(crate) const CHALLENGES_PER_MINUTE: u32 = 20;

    pub(crate) fn new(config: &Config, clock: &Clock, disk: Arc<FreeDisk>) -> Self {
        let by_address = Rate::per_second(config.address_requests_per_second, config.address_requests_burst);
        let by_principal = Rate::per_second(config.requests_per_second, config.requests_burst);
        Self {
            requests_by_address: Limiter::new(by_address, clock),
            requests_by_principal: Limiter::new(by_principal, clock),
            channels: Limiter::new(Rate::per(DAY, config.channels_per_day), clock),
            posts: Limiter::new(Rate::per_second(config.posts_per_second, config.posts_burst), clock),
            posts_per_second: config.posts_per_second,
            challenges_by_principal: Limiter::new(Rate::per(MINUTE, Self::CHALLENGES_PER_MINUTE), clock),
            challenges_by_host: Limiter::new(Rate::per(MINUTE, CHALLENGES_OF_HOST_PER_MINUTE), clock),
            invalid_tokens: WindowBudget::new(INVALID_TOKENS, INVALID_TOKENS_WINDOW, clock),
            seat_hooks: WindowBudget::new(config.bot_channel_hour_hooks, HOUR, clock),
            seat_bytes: WindowBudget::new(config.bot_channel_hour_bytes, HOUR, clock),
            bot_hooks: WindowBudget::new(config.bot_channel_hour_hooks, HOUR, clock),
            bot_bytes: WindowBudget::new(config.bot_channel_hour_bytes, HOUR, clock),
            channel_stored_bytes: config.channel_stored_bytes,
            principal_stored_bytes: config.principal_stored_bytes,
            disk,
            events: EventLimit::new(clock),
        }
    }

    /// Returns `true` if the bots of a channel may run another hook in the present hour. If not, the operator is told, once
    /// in a while.
    pub(crate) fn may_run_hook_in(&self, channel_id: ChannelId) -> bool {
        let budgets = [("bot_channel_hour_hooks", &self.bot_hooks), ("bot_channel_hour_bytes", &self.bot_bytes)];
        let Some((limit, _)) = budgets.into_iter().find(|(_, budget)| budget.left(&channel_id) == 0) else {
            return true;
        };
        self.log_limit_in(limit, channel_id);
        false
    }

    /// Fails with `STORAGE_FULL` if less disk space is free than the operator's floor.
    pub(crate) fn check_disk(&self) -> Result<(), Error> {
        if self.disk.is_low() { Err(Error::storage_full()) } else { Ok(()) }
    }

    /// Fails if a channel, for which this many bytes are stored, has used up its budget.
    pub(crate) fn check_stored_in(&self, channel_id: ChannelId, bytes: u64) -> Result<(), Error> {
        let limit = self.channel_stored_bytes;
        if bytes < limit {
            return Ok(());
        }
        self.log_limit_in("channel_stored_bytes", channel_id);
        Err(Error::new(
            ErrorCode::QuotaExceeded,
            format!("This channel is full: the relay stores at most {limit} bytes for a channel."),
            "You can still read it. To go on, create a new channel with create_channel; an admin can close this one with update_channel close.",
        ))
    }

    /// Fails if the creator of channels, for all of which this many bytes are stored, has used up its budget.
    pub(crate) fn check_stored_by(&self, owner: &Principal, bytes: u64) -> Result<(), Error> {
        let limit = self.principal_stored_bytes;
        if bytes < limit {
            return Ok(());
        }
        self.log_limit_of("principal_stored_bytes", owner);
        Err(Error::new(
            ErrorCode::QuotaExceeded,
            format!("The relay stores at most {limit} bytes for all channels of one owner, and they are used up."),
            "Reading and closing channels still work. Ask the relay's operator to delete channels of this owner that nobody needs any more.",
        ))
    }

    /// Counts a hook of a channel's bots, and the bytes that it posted. `seat` is that of the player whose entry led to it.
    pub(crate) fn add_hook_in(&self, channel_id: ChannelId, seat: Option<SlotId>, bytes: u64) {
        if let Some(seat) = seat {
            self.seat_hooks.add((channel_id, seat), 1);
            self.seat_bytes.add((channel_id, seat), bytes);
        }
        self.bot_hooks.add(channel_id, 1);
        self.bot_bytes.add(channel_id, bytes);
    }

    /// Fails if the posts of a seat have led to more hooks in the present hour than its share. `seats` is the number of seats
    /// that are filled.
    ///
    /// The players of a channel share half of its budget; the other half is for timers, arrivals and departures. So a player
    /// who floods the channel is refused, instead of using up the hooks that the others' moves and clocks need.
    pub(crate) fn check_hooks_of(&self, channel_id: ChannelId, seat: SlotId, seats: usize) -> Result<(), Error> {
        let key = (channel_id, seat);
        let share = |budget: &WindowBudget<_>| budget.limit() / (2 * seats.max(1) as u64);
        let is_used_up = |budget: &WindowBudget<_>| budget.limit() - budget.left(&key) >= share(budget).max(1);
        let budgets = [("bot_channel_hour_hooks", &self.seat_hooks), ("bot_channel_hour_bytes", &self.seat_bytes)];
        let Some((limit, budget)) = budgets.into_iter().find(|(_, budget)| is_used_up(budget)) else { return Ok(()) };
        self.log_limit_in(limit, channel_id);
        Err(limited(
            "Your messages have led to as much work of the channel's bots as the relay allows a player in an hour.",
            "Post less often. Reading, leaving and the other players' moves go on.",
            budget.ends_in(&key).unwrap_or(HOUR),
        ))
    }

    /// Counts a request from an address, whoever sends it.
    pub(crate) fn take_request_from(&self, address: IpAddr) -> Result<(), Error> {
        self.requests_by_address.take(&AddressKey::of(address)).map_err(|wait| {
            self.log_limit_of_address("address_requests_per_second", Some(address));
            limited("This address sends too many requests.", "Wait a moment, then send the request again.", wait)
        })
    }

    /// Counts a request of a principal, through whichever transport.
    pub(crate) fn take_request_of(&self, principal: &Principal) -> Result<(), Error> {
        self.requests_by_principal.take(principal).map_err(|wait| {
            self.log_limit_of("requests_per_second", principal);
            limited(
                "You send too many requests.",
                "Wait a moment, then go on. To follow a channel, wait for messages (sync_messages) instead of polling.",
                wait,
            )
        })
    }

    /// Counts a channel that a principal is about to create.
    pub(crate) fn take_channel_of(&self, principal: &Principal) -> Result<(), Error> {
        self.channels.take(principal).map_err(|wait| {
            self.log_limit_of("channels_per_day", principal);
            limited(
                "You have created as many channels as the relay allows in a day.",
                "Use a channel that you have (list_channels), or create the next one later.",
                wait,
            )
        })
    }

    /// Counts a webhook challenge that a principal causes to be sent to a host.
    pub(crate) fn take_challenge_of(&self, principal: &Principal, host: &str) -> Result<(), Error> {
        let by_principal = self.challenges_by_principal.take(principal);
        let taken = by_principal.and_then(|()| self.challenges_by_host.take(&host.to_owned()));
        taken.map_err(|wait| {
            self.log_limit_of("webhook_challenges", principal);
            limited(
                "Too many webhook URLs are being verified.",
                "Wait a moment, then subscribe again. A URL that has a subscription need not be verified again.",
                wait,
            )
        })
    }

    /// Counts a post from a seat.
    pub(crate) fn take_post_from(&self, channel_id: ChannelId, seat: SlotId) -> Result<(), Error> {
        self.posts.take(&(channel_id, seat)).map_err(|wait| {
            let limit = "posts_per_second";
            if let Some(suppressed) = self.events.admit(limit, &format_args!("{channel_id} {seat}")) {
                tracing::warn!(
                    target: SECURITY,
                    { security.event = "limit_reached", limit, %channel_id, slot_id = %seat, suppressed },
                    "limit reached"
                );
            }
            limited(
                format!("This seat posts too fast; the relay allows {} posts a second.", self.posts_per_second),
                format!(
                    "Wait {} ms, then send it again. To follow a game, wait for messages instead of posting.",
                    millis(wait)
                ),
                wait,
            )
        })
    }

    /// Fails if an address has sent so many invalid tokens that a token which is not cached is not looked up for it.
    pub(crate) fn check_invalid_tokens_from(&self, address: IpAddr) -> Result<(), Error> {
        match self.invalid_tokens.exhausted_for(&AddressKey::of(address)) {
            None => Ok(()),
            Some(wait) => {
                self.log_limit_of_address("invalid_tokens", Some(address));
                Err(limited(
                    "This address sent too many invalid tokens.",
                    "Check the token that you send; valid ones are accepted again in a minute.",
                    wait,
                ))
            }
        }
    }

    /// Counts a token that was found to be invalid.
    pub(crate) fn add_invalid_token_from(&self, address: IpAddr) {
        self.invalid_tokens.add(AddressKey::of(address), 1);
    }

    /// Limits log lines about events that a client can repeat: returns the number of events of this kind that were not logged
    /// since the last line, or `None` if this one is not to be logged either.
    pub(crate) fn admit_event(&self, event: &'static str, address: Option<IpAddr>) -> Option<u64> {
        self.events.admit(event, &format_args!("{:?}", address.map(AddressKey::of)))
    }

    /// Logs that a client address has reached a limit.
    pub(crate) fn log_limit_of_address(&self, limit: &'static str, address: Option<IpAddr>) {
        if let Some(suppressed) = self.admit_event(limit, address) {
            let client_address = address.map(tracing::field::display);
            tracing::warn!(
                target: SECURITY,
                { security.event = "limit_reached", limit, client.address = client_address, suppressed },
                "limit reached"
            );
        }
    }

    /// Logs that a channel has reached a limit.
    fn log_limit_in(&self, limit: &'static str, channel_id: ChannelId) {
        if let Some(suppressed) = self.events.admit(limit, &channel_id) {
            tracing::warn!(
                target: SECURITY,
                { security.event = "limit_reached", limit, %channel_id, suppressed },
                "limit reached"
            );
        }
    }

    /// Logs that a principal has reached a limit.
    fn log_limit_of(&self, limit: &'static str, principal: &Principal) {
        if let Some(suppressed) = self.events.admit(limit, &principal.as_str()) {
            tracing::warn!(
                target: SECURITY,
                { security.event = "limit_reached", limit, principal = principal.as_str(), suppressed },
                "limit reached"
            );
        }
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Quotas")
    }
}

fn limited(message: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>, wait: Duration) -> Error {
    Error::new(ErrorCode::RateLimit, message, hint).retry_after(millis(wait))
}

/// A duration in milliseconds, rounded up so that a client that waits for it is not refused again.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use mcp_multiplayer_protocol::{ErrorCode, SlotId};

    use super::{FreeDisk, INVALID_TOKENS, Quotas};
    use crate::auth::Principal;
    use crate::config::Config;
    use crate::quota::settable_clock::{SettableTime, settable_clock};

    fn quotas() -> (SettableTime, Quotas) {
        let config = Config {
            requests_per_second: 2,
            requests_burst: 3,
            address_requests_per_second: 1,
            address_requests_burst: 1,
            channels_per_day: 2,
            posts_per_second: 20,
            posts_burst: 3,
            channel_stored_bytes: 1_000,
            principal_stored_bytes: 3_000,
            ..Config::default()
        };
        let (time, clock) = settable_clock();
        (time, Quotas::new(&config, &clock, Arc::new(FreeDisk::new("/".into(), 0))))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn requests_of_each_principal_are_limited() {
        let (time, quotas) = quotas();
        let (alice, bob) = (Principal::person("alice"), Principal::person("bob"));
        for _ in 0..3 {
            quotas.take_request_of(&alice).unwrap();
        }
        assert_eq!(quotas.take_request_of(&alice).unwrap_err().retry_after_ms, Some(500));
        quotas.take_request_of(&bob).unwrap();
        time.advance(Duration::from_millis(500));
        quotas.take_request_of(&alice).unwrap();
        assert!(quotas.take_request_of(&alice).is_err());
    }

    #[test]
    fn requests_from_each_address_are_limited() {
        let (time, quotas) = quotas();
        quotas.take_request_from(address("192.0.2.1")).unwrap();
        assert!(quotas.take_request_from(address("192.0.2.1")).is_err());
        quotas.take_request_from(address("192.0.2.2")).unwrap();
        time.advance(Duration::from_secs(1));
        quotas.take_request_from(address("192.0.2.1")).unwrap();
    }

    #[test]
    fn a_days_channels_may_be_created_at_once() {
        let (time, quotas) = quotas();
        let alice = Principal::person("alice");
        quotas.take_channel_of(&alice).unwrap();
        quotas.take_channel_of(&alice).unwrap();
        assert_eq!(quotas.take_channel_of(&alice).unwrap_err().retry_after_ms, Some(12 * 3_600_000));
        time.advance(Duration::from_hours(12));
        quotas.take_channel_of(&alice).unwrap();
    }

    #[test]
    fn posts_from_each_seat_are_limited() {
        let (time, quotas) = quotas();
        let (one, other) = ("chn_0123456789abcdef".parse().unwrap(), "chn_0123456789abcdeg".parse().unwrap());
        let post = |channel_id, slot| quotas.take_post_from(channel_id, SlotId::at(slot));
        assert!((0..3).all(|_| post(one, 1).is_ok()));
        let error = post(one, 1).unwrap_err();
        assert_eq!(error.retry_after_ms, Some(50));
        assert!(error.message.contains("20 posts a second") && error.hint.contains("Wait 50 ms"), "{error:?}");
        post(one, 2).unwrap();
        post(other, 1).unwrap();
        time.advance(Duration::from_millis(49));
        assert_eq!(post(one, 1).unwrap_err().retry_after_ms, Some(1));
        time.advance(Duration::from_millis(1));
        post(one, 1).unwrap();
    }

    #[test]
    fn stored_bytes_are_limited_by_channel_and_owner() {
        let (_, quotas) = quotas();
        let (channel_id, alice) = ("chn_0123456789abcdef".parse().unwrap(), Principal::person("alice"));
        quotas.check_stored_in(channel_id, 999).unwrap();
        quotas.check_stored_by(&alice, 2_999).unwrap();
        let refusals = [quotas.check_stored_in(channel_id, 1_000), quotas.check_stored_by(&alice, 3_000)];
        for (refusal, limit) in refusals.into_iter().zip(["1000 bytes", "3000 bytes"]) {
            let error = refusal.unwrap_err();
            assert_eq!((error.code, error.retry_after_ms), (ErrorCode::QuotaExceeded, None));
            assert!(error.message.contains(limit), "{error}");
        }
    }

    #[test]
    fn an_address_with_too_many_invalid_tokens_is_refused_for_a_minute() {
        let (time, quotas) = quotas();
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..INVALID_TOKENS {
            quotas.check_invalid_tokens_from(one).unwrap();
            quotas.add_invalid_token_from(one);
        }
        assert_eq!(quotas.check_invalid_tokens_from(one).unwrap_err().retry_after_ms, Some(60_000));
        quotas.check_invalid_tokens_from(other).unwrap();
        time.advance(Duration::from_mins(1));
        quotas.check_invalid_tokens_from(one).unwrap();
    }
}
