use mcp_multiplayer_protocol::{Error, ErrorCode, Timestamp};

/// How often somebody may do something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// So many a second, on average.
    pub(crate) per_second: u32,
    /// So many at once.
    pub(crate) burst: u32,
}

/// A token bucket, counted in thousandths.
#[derive(Debug)]
pub(super) struct Bucket {
    thousandths: u64,
    filled_at: Timestamp,
}

impl Bucket {
    pub(super) fn full(rate: Rate, now: Timestamp) -> Self {
        Self { thousandths: u64::from(rate.burst) * 1_000, filled_at: now }
    }

    /// Takes one token, or says when there will be one.
    pub(super) fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Error> {
        let elapsed = u64::try_from(now.as_millis() - self.filled_at.as_millis()).unwrap_or(0);
        let per_second = u64::from(rate.per_second.max(1));
        self.thousandths = self
            .thousandths
            .saturating_add(elapsed.saturating_mul(per_second))
            .min(u64::from(rate.burst.max(1)) * 1_000);
        self.filled_at = now;
        if self.thousandths >= 1_000 {
            self.thousandths -= 1_000;
            return Ok(());
        }
        let wait_ms = (1_000 - self.thousandths).div_ceil(per_second);
        Err(Error::new(
            ErrorCode::RateLimit,
            format!("This seat posts too fast; the relay takes {} posts a second.", rate.per_second),
            format!("Wait {wait_ms} ms, then send it again. To follow a game, wait for messages instead of posting."),
        )
        .retry_after(wait_ms))
    }
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;

    use super::{Bucket, Rate};

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let rate = Rate { per_second: 20, burst: 3 };
        let at = Timestamp::from_millis;
        let mut bucket = Bucket::full(rate, at(0));
        assert!((0..3).all(|_| bucket.take(rate, at(0)).is_ok()));
        assert_eq!(bucket.take(rate, at(0)).unwrap_err().retry_after_ms, Some(50));
        assert_eq!(bucket.take(rate, at(49)).unwrap_err().retry_after_ms, Some(1));
        assert!(bucket.take(rate, at(50)).is_ok());
        assert!((0..3).all(|_| bucket.take(rate, at(60_000)).is_ok()));
        assert!(bucket.take(rate, at(60_000)).is_err());
        assert!(bucket.take(rate, at(10)).is_err(), "a clock that steps back gives nothing away");
    }
}
