//! Failpoints: places at which a test may kill the process, to simulate a power cut.
//!
//! They exist in debug builds only. There, `MCP_MULTIPLAYER_FAILPOINT=name@n` kills the process with
//! SIGKILL when the failpoint `name` is reached for the n-th time. The thread that reached it does not go on;
//! other threads run for a moment longer, as they may before a real power cut.

/// Marks a failpoint.
#[cfg(not(debug_assertions))]
#[inline]
pub fn hit(_name: &'static str) {}

/// Marks a failpoint.
#[cfg(debug_assertions)]
pub fn hit(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static TARGET: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("MCP_MULTIPLAYER_FAILPOINT").ok()?;
        let (name, count) = text.split_once('@')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    static HITS: AtomicU64 = AtomicU64::new(0);

    if let Some((target, count)) = &*TARGET
        && target == name
        && HITS.fetch_add(1, Ordering::Relaxed) + 1 == *count
    {
        // Time for other threads to acknowledge something that is not durable yet, if there is such a fault.
        std::thread::park_timeout(std::time::Duration::from_millis(50));
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
