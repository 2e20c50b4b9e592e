//! Places at which a test may kill the process, as a power cut would.
//!
//! Only debug builds have them; a release never does. There, `MCP_MULTIPLAYER_FAILPOINT=name@n`
//! kills the process with SIGKILL when the place `name` is reached for the n-th time. Whoever reached it
//! gets no further; the others have a moment left, as they may have before a power cut.

/// Marks a place.
#[cfg(not(debug_assertions))]
#[inline]
pub fn hit(_name: &'static str) {}

/// Marks a place.
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
        // Meanwhile other threads may say what is not yet so, if they ever do.
        std::thread::park_timeout(std::time::Duration::from_millis(50));
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
