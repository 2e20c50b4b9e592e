//! The order in which the kernel ends processes when memory runs out.

/// Makes this process, and every process that it forks, one of the first that the kernel ends when memory runs out, so
/// that bots end before the relay.
pub(crate) fn end_first() {
    // The highest value. Raising it needs no privilege, so this fails only where /proc is missing or read-only, and bots
    // run there as well.
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "1000") {
        eprintln!("cannot raise oom_score_adj: {error}");
    }
}
