//! Resource limits of the worker's process.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::config::SandboxConfig;

/// Maximum number of open descriptors: standard streams, the socket, and files of the bot.
const OPEN_FILES: u64 = 64;

/// Address space of the interpreter and its libraries, in addition to the bot's memory.
#[cfg(target_os = "linux")]
const LIBRARY_BYTES: u64 = 256 << 20;

/// CPU time of the process over its whole life. The supervisor enforces the limit of a hook; this one ends a process
/// that goes on working after its hook, when nobody waits for it. If the hooks of a bot use this much in total, its
/// process is killed as well, and the supervisor runs the interrupted hook again in a new one.
const CPU_SECONDS: u64 = 60;

/// Sets the soft and the hard limits to the same values, so that nothing in the process can raise them.
pub(super) fn set(config: &SandboxConfig) -> anyhow::Result<()> {
    let limits = [
        // Heap and private mappings: huge strings and lists raise MemoryError. Ignored on macOS.
        (Resource::Data, config.memory_bytes),
        // Mappings of any kind: shared and read-only ones do not count as data, but their page tables take memory, too.
        #[cfg(target_os = "linux")]
        (Resource::As, config.memory_bytes + LIBRARY_BYTES),
        // A core file would contain messages of players.
        (Resource::Core, 0),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Cpu, CPU_SECONDS),
        // No further processes and threads, for platforms without the system call filter. Has no effect for root.
        (Resource::Nproc, 0),
        (Resource::Fsize, config.file_bytes),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}
