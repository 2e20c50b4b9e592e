//! The layers of a worker's sandbox and the level that follows from them.

use mcp_multiplayer_bot_supervisor::{Layer, SandboxLevel};

use super::config::SandboxConfig;

/// Layers that have been enabled, or that the platform refused, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers(Vec<Layer>);

impl Layers {
    /// Enables a layer by `enable`, unless the configuration switches it off, and records the result.
    ///
    /// Returns whether the layer is active.
    pub(crate) fn enable(
        &mut self,
        name: &str,
        config: &SandboxConfig,
        enable: impl FnOnce() -> anyhow::Result<()>,
    ) -> bool {
        let result = if config.is_disabled(name) { Err(anyhow::anyhow!("switched off")) } else { enable() };
        let reason = result.err().map(|error| format!("{error:#}"));
        self.record(name, reason)
    }

    /// Records a layer that is not available here.
    pub(crate) fn record_missing(&mut self, name: &str, reason: &str) {
        self.record(name, Some(reason.to_owned()));
    }

    fn record(&mut self, name: &str, reason: Option<String>) -> bool {
        let active = reason.is_none();
        self.0.push(Layer { name: name.to_owned(), active, reason });
        active
    }

    pub(crate) fn as_slice(&self) -> &[Layer] {
        &self.0
    }

    fn is_active(&self, name: &str) -> bool {
        self.0.iter().any(|layer| layer.name == name && layer.active)
    }

    /// The level that the active layers amount to.
    ///
    /// Each of Landlock and the root of its own keeps a bot away from the machine's files, so either will do. Without
    /// the system call filter there is no `kernel` level, whatever else is active, because a process that can make any
    /// system call can attack the kernel itself.
    pub(crate) fn level(&self) -> SandboxLevel {
        let files = self.is_active("landlock") || self.is_active("root");
        if files && self.0.iter().all(|layer| layer.active) {
            SandboxLevel::Full
        } else if files && self.is_active("seccomp") {
            SandboxLevel::Kernel
        } else {
            SandboxLevel::Process
        }
    }
}
