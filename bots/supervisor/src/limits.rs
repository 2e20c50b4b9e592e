//! What one hook may use.

use std::time::Duration;

use mcp_multiplayer_protocol::limits;

/// The limits of a bot; all of them are enforced outside of its process.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Wall time, and so CPU time, of a hook, and of compiling or inspecting a source: 5 s. Starting
    /// the process does not count.
    pub hook: Duration,
    /// How long a worker may take until it is ready: 10 s.
    pub startup: Duration,
    /// Private memory of the process: 256 MiB. Not enforced on macOS.
    pub memory_bytes: u64,
    /// All files of the workspace together: 100 MB.
    pub workspace_bytes: u64,
    /// Posts and DMs of a hook: 100.
    pub posts: usize,
    /// The body of one of them as JSON: 32 KiB.
    pub body_bytes: usize,
    /// Their bodies as JSON, together: 1 MiB.
    pub post_bytes: usize,
    /// The state as JSON: 1 MiB.
    pub state_bytes: usize,
    /// What `ctx.commit` keeps, as JSON: 256 KiB.
    pub kept_bytes: usize,
    /// The source: 256 KiB.
    pub source_bytes: usize,
    /// What is kept of a hook's prints: 16 KiB.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hook: Duration::from_secs(5),
            startup: Duration::from_secs(10),
            memory_bytes: 256 << 20,
            workspace_bytes: 100_000_000,
            posts: 100,
            body_bytes: limits::BODY_BYTES,
            post_bytes: 1 << 20,
            state_bytes: 1 << 20,
            kept_bytes: 256 << 10,
            source_bytes: limits::SOURCE_BYTES,
            log_bytes: 16 << 10,
        }
    }
}

impl Limits {
    /// The largest frame that a worker within its limits can send: escaping at most doubles JSON
    /// that is carried as text, and a log line's worst character takes six bytes.
    pub(crate) fn reply_bytes(&self) -> usize {
        self.post_bytes
            + 256 * self.posts
            + 2 * self.state_bytes
            + 2 * self.kept_bytes
            + 8 * self.log_bytes
            + (64 << 10)
    }
}
