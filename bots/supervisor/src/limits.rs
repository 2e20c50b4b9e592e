//! Limits of a hook.

use std::time::Duration;

use mcp_multiplayer_protocol::{BotLimits, limits};

use crate::program::Program;

/// Limits of a hook. The supervisor or the kernel enforces all of them, so a bot that controls its process cannot
/// exceed them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// CPU time of the self-test: 5 s. The time of hooks, and of compiling or inspecting a source, is limited by the program's
    /// own [`BotLimits`]; the start of the process does not count.
    pub hook: Duration,
    /// Wall-clock time of the same, likewise: 30 s. The time in which a hook waits for its turn to run does not count.
    pub hook_wall: Duration,
    /// Time until a new worker must be ready: 10 s.
    pub startup: Duration,
    /// Private memory of the process, in bytes: 256 MiB. Not enforced on macOS.
    pub memory_bytes: u64,
    /// Total size of all files of the workspace: 100 MB.
    pub workspace_bytes: u64,
    /// Number of posts and DMs of a hook: 100.
    pub posts: usize,
    /// Size of the body of one post or DM as JSON: 32 KiB; the program's own limit counts.
    pub body_bytes: usize,
    /// Total size of the bodies of a hook's posts and DMs as JSON: 1 MiB.
    pub post_bytes: usize,
    /// Size of the state as JSON, and size of all that `ctx.seat` keeps: 1 MiB each.
    pub state_bytes: usize,
    /// Total size of the values behind `ctx.commit` as JSON: 256 KiB.
    pub commitment_bytes: usize,
    /// Size of the source: 256 KiB.
    pub source_bytes: usize,
    /// Size of a hook's printed output, after which it is cut: 16 KiB.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hook: Duration::from_secs(5),
            hook_wall: Duration::from_secs(30),
            startup: Duration::from_secs(10),
            memory_bytes: 256 << 20,
            workspace_bytes: 100_000_000,
            posts: 100,
            body_bytes: limits::BODY_BYTES,
            post_bytes: 1 << 20,
            state_bytes: 1 << 20,
            commitment_bytes: 256 << 10,
            source_bytes: limits::SOURCE_BYTES,
            log_bytes: 16 << 10,
        }
    }
}

impl Limits {
    /// These limits, with those that the program has of its own.
    pub(crate) fn of_program(&self, program: &Program) -> Self {
        let (BotLimits { hook_ms, hook_wall_ms, body_bytes }, mut limits) = (program.limits, self.clone());
        limits.hook = Duration::from_millis(hook_ms);
        limits.hook_wall = Duration::from_millis(hook_wall_ms);
        limits.body_bytes = usize::try_from(body_bytes).unwrap_or(usize::MAX);
        limits
    }

    /// The limit of wall-clock time that applies on this platform: where CPU time cannot be read, it is that of CPU time.
    pub(crate) fn wall_clock(&self) -> Duration {
        if cfg!(target_os = "linux") { self.hook_wall } else { self.hook }
    }

    /// Size of the largest frame that a worker within its limits can send. State and commitments are JSON carried as
    /// JSON strings, which escaping at most doubles; a character of a log line takes up to six bytes.
    pub(crate) fn reply_bytes(&self) -> usize {
        self.post_bytes
            + 256 * self.posts
            + 4 * self.state_bytes
            + 2 * self.commitment_bytes
            + 8 * self.log_bytes
            + (64 << 10)
    }
}
