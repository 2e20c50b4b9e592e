//! Resource limits of the process.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Allowance;

/// Descriptors that a process needs: standard streams, the socket, and files of its bot.
const OPEN_FILES: u64 = 64;

/// Sets the limits, soft and hard alike, so that nothing in the process can raise them.
pub(super) fn set(allowance: &Allowance) -> anyhow::Result<()> {
    let limits = [
        // Heap and private mappings: huge strings and lists become a MemoryError. macOS ignores it.
        (Resource::Data, allowance.memory_bytes),
        // A core file would hold what players wrote.
        (Resource::Core, 0),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Fsize, allowance.file_bytes),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}
