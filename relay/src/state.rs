//! The state that all parts of the relay share.

use std::fmt;
use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::{RuntimeInfo, Sandbox, SandboxLevel, Supervisor, Unavailable};
use mcp_multiplayer_protocol::channel::runtime_hash;
use mcp_multiplayer_protocol::{Hash, Runtime, SandboxReport};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::auth::Tokens;
use crate::channel::Channels;
use crate::clock::{Clock, Random};
use crate::config::Config;
use crate::keys::{LogKey, RelayKey};
use crate::quota::Quotas;
use crate::store::Store;

/// A running relay. Dropping the last reference ends its bots.
pub struct Relay {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) key: RelayKey,
    pub(crate) log: LogKey,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) channels: Channels,
    pub(crate) supervisor: Supervisor,
    /// Hash of the rules for bots' connections; `None` where bots have none.
    pub(crate) egress_hash: Option<Hash>,
    /// Result of the sandbox's self-test; empty until it has run.
    pub(crate) sandbox: OnceCell<SandboxStatus>,
    pub(crate) tokens: Tokens,
    pub(crate) quotas: Quotas,
    /// Cancelled when the relay shuts down: waits end, and no new work starts.
    pub(crate) shutdown: CancellationToken,
}

/// The bot sandbox, as the self-test found it.
pub(crate) struct SandboxStatus {
    sandbox: Sandbox,
    report: SandboxReport,
    runtime: Runtime,
}

impl SandboxStatus {
    /// Level of the sandbox: `full`, `kernel` or `process`.
    pub(crate) fn level(&self) -> &'static str {
        self.sandbox.level.name()
    }

    /// Active and missing layers, as every caller may see them.
    pub(crate) fn report(&self) -> &SandboxReport {
        &self.report
    }

    /// The software that runs in the sandbox.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Hash of all three, which changes when something else runs bots.
    pub(crate) fn runtime_hash(&self) -> Hash {
        runtime_hash(&self.runtime, self.level(), Some(&self.report))
    }
}

impl Relay {
    /// Returns the state of the sandbox, which the first call tests. Only operations that concern bots wait for it.
    pub(crate) async fn sandbox_status(&self) -> Result<&SandboxStatus, Unavailable> {
        match self.sandbox.get() {
            Some(status) => Ok(status),
            // In a box, so that the many calls which find a result do not need room for the test.
            None => Box::pin(self.sandbox.get_or_try_init(|| self.test_sandbox())).await,
        }
    }

    async fn test_sandbox(&self) -> Result<SandboxStatus, Unavailable> {
        let sandbox = self.supervisor.sandbox().await?;
        report_to_operator(&sandbox, &self.config);
        let RuntimeInfo { worker, python, lock_hash, .. } = sandbox.runtime.clone();
        let lock_hash = lock_hash.parse().map_err(|_| Unavailable::Broken("it has no lock hash".to_owned()))?;
        let runtime = Runtime { worker, python, lock_hash, memory_bytes: self.config.bot_memory_bytes };
        Ok(SandboxStatus { report: report(&sandbox), sandbox, runtime })
    }

    /// Level of the sandbox: `full`, `kernel` or `process`.
    pub(crate) async fn sandbox_level(&self) -> Result<&str, Unavailable> {
        Ok(self.sandbox_status().await?.level())
    }

    /// Returns whether inline bots, whose code callers supply, may be attached and run.
    pub(crate) async fn takes_inline_code(&self) -> Result<bool, Unavailable> {
        let sandbox = &self.sandbox_status().await?.sandbox;
        Ok(self.config.bot_allow_unsandboxed || sandbox.level >= minimum_level(&self.config))
    }
}

fn report_to_operator(sandbox: &Sandbox, config: &Config) {
    for layer in sandbox.layers.iter().filter(|layer| !layer.active) {
        let reason = layer.reason.as_deref().unwrap_or_default();
        tracing::warn!(layer = layer.name, reason, "a layer of the bot sandbox is not active");
    }
    tracing::info!(level = sandbox.level.name(), self_test = sandbox.verdict(), "bot sandbox tested");
    let minimum = config.bot_sandbox_minimum.name();
    if config.bot_allow_unsandboxed {
        tracing::warn!(
            "inline bots are accepted at any sandbox level; they may run with all rights of the relay's system user"
        );
    } else if sandbox.level < minimum_level(config) {
        tracing::warn!(
            minimum,
            "the bot sandbox is below bot_sandbox_minimum; only presets can be attached, and inline bots do not run"
        );
    }
    if !config.bot_policy {
        tracing::warn!("bot_policy is false; inline bots are not checked against the policy");
    }
}

fn minimum_level(config: &Config) -> SandboxLevel {
    match config.bot_sandbox_minimum {
        crate::config::SandboxLevel::Full => SandboxLevel::Full,
        crate::config::SandboxLevel::Kernel => SandboxLevel::Kernel,
        crate::config::SandboxLevel::Process => SandboxLevel::Process,
    }
}

fn report(sandbox: &Sandbox) -> SandboxReport {
    let missing = sandbox.layers.iter().filter(|layer| !layer.active);
    SandboxReport {
        active: sandbox.layers.iter().filter(|layer| layer.active).map(|layer| layer.name.clone()).collect(),
        missing: missing
            .map(|layer| format!("{}: {}", layer.name, layer.reason.as_deref().unwrap_or("refused")))
            .collect(),
        self_test: sandbox.verdict(),
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relay")
    }
}
