//! Memory and CPU time of a process. They are read from `/proc`, and are not numbers where that is missing.

use std::fs;

use rustix::param::clock_ticks_per_second;

/// Resident memory of a process, in MB.
pub(crate) fn resident(pid: Option<u32>) -> f64 {
    memory(pid, "VmRSS:")
}

/// Largest resident memory that a process ever had, in MB.
pub(crate) fn peak(pid: Option<u32>) -> f64 {
    memory(pid, "VmHWM:")
}

fn memory(pid: Option<u32>, name: &str) -> f64 {
    let path = format!("/proc/{}/status", pid.unwrap_or_default());
    let status = fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// CPU time that a process has used, in user mode and in the kernel, in seconds.
pub(crate) fn cpu_seconds(pid: Option<u32>) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.unwrap_or_default())).unwrap_or_default();
    // `pid (name) state …`, where the name may hold spaces. `utime` and `stime` are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    #[expect(clippy::cast_precision_loss, reason = "a hundred or a thousand ticks per second")]
    let per_second = clock_ticks_per_second() as f64;
    if ticks.len() == 2 { (ticks[0] + ticks[1]) / per_second } else { f64::NAN }
}
