use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Latencies of many calls, in microseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timing(Vec<f64>);

impl Timing {
    pub(crate) fn new(mut micros: Vec<f64>) -> Self {
        micros.sort_by(f64::total_cmp);
        Self(micros)
    }

    fn add(&mut self, more: Self) {
        self.0.extend(more.0);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn p50(&self) -> f64 {
        self.at(50)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.at(99)
    }

    fn at(&self, percent: usize) -> f64 {
        self.0.get((self.0.len() * percent / 100).min(self.0.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

/// Latencies over one connection, and latencies and throughput over 32 connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) single: Timing,
    pub(crate) many: Timing,
    /// Duration of the measurement over 32 connections, in seconds.
    pub(crate) seconds: f64,
}

impl Load {
    pub(crate) fn add(&mut self, more: Self) {
        self.single.add(more.single);
        self.many.add(more.many);
        self.seconds += more.seconds;
    }

    /// Calls per second over the 32 connections.
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 calls")]
        let calls = self.many.0.len() as f64;
        calls / self.seconds
    }

    pub(crate) fn print(&self, label: &str) {
        println!(
            "{label:<40} p50 {:>7.0}   p99 {:>7.0}   32 connections: {:>7.0}/s   p99 {:>7.0}",
            self.single.p50(),
            self.single.p99(),
            self.rate(),
            self.many.p99()
        );
    }
}

/// Microseconds since an instant.
pub(crate) fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}

/// Measures how long the disk takes to sync an overwritten page.
pub(crate) fn fdatasync() -> Result<Timing> {
    let directory = tempfile::tempdir()?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(directory.path().join("page"))?;
    file.write_all(&[0; 4096])?;
    file.sync_all()?;
    let mut latencies = vec![];
    let end = Instant::now() + Duration::from_millis(500);
    while Instant::now() < end {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[1; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        latencies.push(micros(start));
    }
    Ok(Timing::new(latencies))
}

/// Resident memory of a process, in MB.
pub(crate) fn resident(pid: Option<u32>) -> f64 {
    let path = format!("/proc/{}/status", pid.unwrap_or_default());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}
