use std::time::Instant;

/// Latencies of many calls, in microseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timing(Vec<f64>);

impl Timing {
    pub(crate) fn new(mut micros: Vec<f64>) -> Self {
        micros.sort_by(f64::total_cmp);
        Self(micros)
    }

    pub(crate) fn p50(&self) -> f64 {
        self.at(50)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.at(99)
    }

    /// Number of calls.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 calls")]
    pub(crate) fn count(&self) -> f64 {
        self.0.len() as f64
    }

    fn at(&self, percent: usize) -> f64 {
        // Nearest rank: the smallest value that this share of the values does not exceed.
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }
}

/// Microseconds since an instant.
pub(crate) fn micros(since: Instant) -> f64 {
    micros_between(since, Instant::now())
}

/// Microseconds from one instant to another.
pub(crate) fn micros_between(from: Instant, to: Instant) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e6
}

/// Median of one figure over the rounds.
pub(crate) fn median<R>(rounds: &[R], figure: impl Fn(&R) -> f64) -> f64 {
    Timing::new(rounds.iter().map(figure).collect()).p50()
}
