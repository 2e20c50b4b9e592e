//! Resource limits of the process.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Allowance;

/// Descriptors that a process needs: standard streams, the socket, and files of its bot.
const OPEN_FILES: u64 = 64;

/// Addresses that the interpreter and its libraries take beside a bot's memory.
#[cfg(target_os = "linux")]
const LIBRARY_BYTES: u64 = 256 << 20;

/// Seconds that the process may work in all. A hook has less than that; what works on when its hook is over, where
/// nobody waits for it, ends here. A bot whose hooks take that much together gets another process, unnoticed.
const CPU_SECONDS: u64 = 60;

/// Sets the limits, soft and hard alike, so that nothing in the process can raise them.
pub(super) fn set(allowance: &Allowance) -> anyhow::Result<()> {
    let limits = [
        // Heap and private mappings: huge strings and lists become a MemoryError. macOS ignores it.
        (Resource::Data, allowance.memory_bytes),
        // Mappings of any kind: what is shared or only read counts as no data, but its page tables take memory too.
        #[cfg(target_os = "linux")]
        (Resource::As, allowance.memory_bytes + LIBRARY_BYTES),
        // A core file would hold what players wrote.
        (Resource::Core, 0),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Cpu, CPU_SECONDS),
        // No process and no thread more, where there is no filter that says so. Does not hold for root.
        (Resource::Nproc, 0),
        (Resource::Fsize, allowance.file_bytes),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}
