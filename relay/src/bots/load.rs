use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_bot_supervisor::referee::Memory;
use mcp_multiplayer_bot_supervisor::{BotKey, Owner, Program};
use mcp_multiplayer_protocol::BotId;
use serde::Deserialize;

use super::runner::{Loaded, RunError, Runner};
use crate::channel::LiveChannel;
use crate::state::Relay;

/// The fields of a manifest that concern the runner.
#[derive(Deserialize)]
struct RunnerOptions {
    #[serde(default)]
    reveal_on_close: bool,
}

impl Runner {
    /// Loads a bot from the store.
    pub(super) async fn load(relay: &Relay, channel: &LiveChannel, bot_id: &BotId) -> Result<Loaded, RunError> {
        let stored = relay.store.lookup_bot(channel.channel_id(), bot_id.clone()).await?;
        let Some(stored) = stored.filter(|stored| !stored.detached) else { return Ok(Loaded::Detached) };
        let composition = channel.composition();
        let Some(bot) = composition.bot(bot_id) else { return Ok(Loaded::Detached) };
        // Checked here although it was checked when the bot was attached: since then, the relay may have been restarted
        // with a higher minimum or on a platform with fewer layers.
        let below_minimum = match relay.takes_inline_code().await {
            _ if stored.bot.code_ref.is_some() => false,
            // Also a bot whose source did not pass the policy, at a relay that asks for that by now.
            Ok(taken) => !taken || bot.policy.is_none() && relay.config.bot_policy,
            // The close does not wait for ever for a relay that cannot run bots: the hooks are skipped.
            Err(_) if Self::is_close_overdue(channel).await? => true,
            Err(error) => return Err(error.into()),
        };
        if below_minimum {
            report_waiting_bot(relay, channel, bot_id).await;
        }
        let memory = stored.state.as_deref().and_then(Memory::parse).ok_or(RunError::Corrupt)?;
        let params = serde_json::from_str(&stored.bot.params).map_err(|_| RunError::Corrupt)?;
        let (policy, limits) = (bot.policy.is_some(), bot.limits);
        let program = Arc::new(Program { name: stored.bot.name, source: stored.bot.source, params, policy, limits });
        let options: RunnerOptions = serde_json::from_str(&stored.bot.manifest).map_err(|_| RunError::Corrupt)?;
        let env = match &stored.bot.env {
            Some(sealed) => relay.key.open_env(channel.channel_id(), bot_id, sealed).ok_or(RunError::Sealed)?,
            None => BTreeMap::new(),
        };
        let owner = Owner::new(channel.owner().as_str());
        Ok(Loaded::Runner(Box::new(Self {
            program,
            key: BotKey::new(&channel.channel_id().to_string(), bot_id.as_str()).with_owner(owner),
            seeds: relay.key.bot_seeds(channel.channel_id(), bot_id),
            env,
            reveals_on_close: options.reveal_on_close,
            stored: stored.cursor,
            cursor: stored.cursor,
            memory,
            below_minimum,
            runtime_announced: false,
            closing_time: Duration::ZERO,
        })))
    }
}

/// Tells the operator that an inline bot does not run. Its hooks stay due, so a relay that is started with a sandbox that
/// reaches the minimum runs them.
async fn report_waiting_bot(relay: &Relay, channel: &LiveChannel, bot_id: &BotId) {
    let sandbox = relay.sandbox_level().await.unwrap_or("none");
    tracing::warn!(
        channel_id = %channel.channel_id(),
        %bot_id,
        sandbox,
        minimum = relay.config.bot_sandbox_minimum.name(),
        remedy = "restart the relay where the sandbox has the missing layers, lower bot_sandbox_minimum, or set bot_allow_unsandboxed",
        "an inline bot does not run because the sandbox is below bot_sandbox_minimum; its hooks wait"
    );
}
