//! Failpoints: places at which a test may kill the process, to simulate a power cut, or make an operation fail.
//!
//! They exist in debug builds only. There, `MCP_MULTIPLAYER_FAILPOINT=name@n` selects one of them.

/// Marks a place at which the process is killed with SIGKILL when it is reached for the n-th time.
///
/// The thread that reached it does not go on; other threads run for a moment longer, as they may before a real power cut.
#[cfg(not(debug_assertions))]
#[inline]
pub fn hit(_name: &'static str) {}

/// Marks a place at which the process is killed with SIGKILL when it is reached for the n-th time.
///
/// The thread that reached it does not go on; other threads run for a moment longer, as they may before a real power cut.
#[cfg(debug_assertions)]
pub fn hit(name: &'static str) {
    if reached(name).is_some_and(|(times, n)| times == n) {
        // Time for other threads to acknowledge something that is not durable yet, if there is such a fault.
        std::thread::park_timeout(std::time::Duration::from_millis(50));
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Marks an operation that fails the first n times. Returns `true` if it has to fail now.
#[cfg(not(debug_assertions))]
#[inline]
#[must_use]
pub fn fails(_name: &'static str) -> bool {
    false
}

/// Marks an operation that fails the first n times. Returns `true` if it has to fail now.
#[cfg(debug_assertions)]
#[must_use]
pub fn fails(name: &'static str) -> bool {
    reached(name).is_some_and(|(times, n)| times <= n)
}

/// If `name` is the selected failpoint, counts this time, and returns the count and n.
#[cfg(debug_assertions)]
fn reached(name: &'static str) -> Option<(u64, u64)> {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static SELECTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("MCP_MULTIPLAYER_FAILPOINT").ok()?;
        let (name, count) = text.split_once('@')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    static TIMES: AtomicU64 = AtomicU64::new(0);

    let (selected, n) = SELECTED.as_ref()?;
    (selected == name).then(|| (TIMES.fetch_add(1, Ordering::Relaxed) + 1, *n))
}
