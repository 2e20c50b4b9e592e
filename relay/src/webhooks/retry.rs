use mcp_multiplayer_protocol::Timestamp;

use crate::clock::Random;
use crate::store::WebhookFailure;

/// Pause after the first failure, in milliseconds. Each further one is twice as long as the one before.
const FIRST_MS: u64 = 1_000;
/// Maximum pause, in milliseconds: one hour.
const LONGEST_MS: u64 = 3_600_000;
/// Time after which delivery is suspended if every attempt fails, in milliseconds: one day.
const SUSPEND_AFTER_MS: u64 = 24 * LONGEST_MS;

/// Returns the state after another failed attempt: the time of the next one, or none if delivery is suspended.
pub(super) fn after_failure(
    earlier: Option<&WebhookFailure>,
    error: &str,
    now: Timestamp,
    random: &Random,
) -> WebhookFailure {
    let (earlier_attempts, since) = earlier.map_or((0, now), |earlier| (earlier.attempts, earlier.since));
    let retry_at = (now < since.after_millis(SUSPEND_AFTER_MS)).then(|| {
        let longest = FIRST_MS.checked_shl(earlier_attempts.min(32)).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        // Between half of it and all, so that subscriptions that failed together do not come back together.
        let jitter = u64::from(u32::from_be_bytes(random.bytes())) % (longest / 2 + 1);
        now.after_millis(longest - jitter)
    });
    WebhookFailure { attempts: earlier_attempts.saturating_add(1), since, retry_at, error: error.to_owned() }
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;

    use super::{FIRST_MS, LONGEST_MS, SUSPEND_AFTER_MS, after_failure};
    use crate::clock::Random;

    /// Fails until delivery is suspended, and returns the pauses.
    fn pauses(random: &Random) -> Vec<u64> {
        let start = Timestamp::from_millis(1_800_000_000_000);
        let (mut now, mut failure, mut pauses) = (start, None, vec![]);
        loop {
            let next = after_failure(failure.as_ref(), "timeout", now, random);
            assert_eq!((next.since, next.error.as_str()), (start, "timeout"));
            let Some(retry_at) = next.retry_at else { return pauses };
            pauses.push(u64::try_from(retry_at.as_millis() - now.as_millis()).unwrap());
            (now, failure) = (retry_at, Some(next));
        }
    }

    #[test]
    fn pauses_double_up_to_an_hour_for_a_day() {
        let longest = pauses(&Random::new(|bytes| bytes.fill(0)));
        assert_eq!(longest[..4], [FIRST_MS, 2 * FIRST_MS, 4 * FIRST_MS, 8 * FIRST_MS]);
        assert_eq!(*longest.last().unwrap(), LONGEST_MS);
        let all: u64 = longest.iter().sum();
        assert!((SUSPEND_AFTER_MS..SUSPEND_AFTER_MS + LONGEST_MS).contains(&all), "{all}");
    }

    #[test]
    fn jitter_takes_off_at_most_half() {
        let random = pauses(&Random::system());
        for (place, pause) in random.iter().enumerate() {
            let longest = (FIRST_MS << place.min(32)).min(LONGEST_MS);
            assert!((longest / 2..=longest).contains(pause), "{place}: {pause}");
        }
    }
}
