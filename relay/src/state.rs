//! The state that the relay's parts share.

use std::fmt;
use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::{Sandbox, Supervisor, Unavailable};
use mcp_multiplayer_protocol::SandboxReport;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::auth::Tokens;
use crate::channel::Channels;
use crate::clock::{Clock, Random};
use crate::config::Config;
use crate::keys::RelayKey;
use crate::quota::Quotas;
use crate::store::Store;

/// A relay at work. Dropping the last reference ends its bots.
pub struct Relay {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) key: RelayKey,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) channels: Channels,
    pub(crate) supervisor: Supervisor,
    /// The sandbox around bots, once it was tested.
    pub(crate) sandbox: OnceCell<SandboxStatus>,
    pub(crate) tokens: Tokens,
    pub(crate) quotas: Quotas,
    /// Cancelled when the relay is to stop: waits end, nothing new is begun.
    pub(crate) shutdown: CancellationToken,
}

/// The sandbox around bots as the self-test found it.
pub(crate) struct SandboxStatus {
    sandbox: Sandbox,
    report: SandboxReport,
}

impl Relay {
    /// Tests the sandbox at the first call. Only operations that concern bots wait for it.
    pub(crate) async fn sandbox_status(&self) -> Result<&SandboxStatus, Unavailable> {
        self.sandbox
            .get_or_try_init(|| async {
                let sandbox = self.supervisor.sandbox().await?;
                report_to_operator(&sandbox, &self.config);
                Ok(SandboxStatus { report: report(&sandbox), sandbox })
            })
            .await
    }

    /// The level of the sandbox.
    pub(crate) async fn sandbox_level(&self) -> Result<&str, Unavailable> {
        Ok(&self.sandbox_status().await?.sandbox.level)
    }

    /// The active and the missing layers of the sandbox, for everybody.
    pub(crate) async fn sandbox_report(&self) -> Result<&SandboxReport, Unavailable> {
        Ok(&self.sandbox_status().await?.report)
    }

    /// Returns whether people may attach bots of their own.
    pub(crate) async fn takes_inline_code(&self) -> Result<bool, Unavailable> {
        let sandbox = &self.sandbox_status().await?.sandbox;
        Ok(self.config.allow_unsandboxed_bots || sandbox.reaches(self.config.sandbox_minimum.name()))
    }
}

fn report_to_operator(sandbox: &Sandbox, config: &Config) {
    for layer in sandbox.layers.iter().filter(|layer| !layer.active) {
        let reason = layer.reason.as_deref().unwrap_or_default();
        tracing::warn!(layer = layer.name, reason, "this platform refuses a layer of the bot sandbox");
    }
    tracing::info!(level = sandbox.level, self_test = sandbox.verdict(), "bot sandbox tested");
    let minimum = config.sandbox_minimum.name();
    if config.allow_unsandboxed_bots {
        tracing::warn!("anybody may attach bots, whatever the sandbox level; bots can do what this relay's user can");
    } else if !sandbox.reaches(minimum) {
        tracing::warn!(minimum, "the sandbox is below the required minimum: only presets run");
    }
    if !config.bot_policy {
        tracing::warn!("inline bots are not checked against the policy");
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
