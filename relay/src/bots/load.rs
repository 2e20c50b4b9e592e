use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::referee::Memory;
use mcp_multiplayer_bot_supervisor::{BotKey, Program};
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
        // Checked here although it was checked when the bot was attached: since then, the relay may have been restarted
        // with a higher minimum or on a platform with fewer layers.
        if stored.bot.code_ref.is_none() && !relay.takes_inline_code().await? {
            return Ok(Loaded::BelowMinimum);
        }
        let memory = stored.state.as_deref().and_then(Memory::parse).ok_or(RunError::Corrupt)?;
        let params = serde_json::from_str(&stored.bot.params).map_err(|_| RunError::Corrupt)?;
        let policy = relay.config.bot_policy || stored.bot.code_ref.is_some();
        let program = Arc::new(Program { name: stored.bot.name, source: stored.bot.source, params, policy });
        let options: RunnerOptions = serde_json::from_str(&stored.bot.manifest).map_err(|_| RunError::Corrupt)?;
        let env = match &stored.bot.env {
            Some(sealed) => relay.key.open_env(channel.channel_id(), bot_id, sealed).ok_or(RunError::Sealed)?,
            None => BTreeMap::new(),
        };
        Ok(Loaded::Runner(Box::new(Self {
            program,
            key: BotKey::new(&channel.channel_id().to_string(), bot_id.as_str()),
            seeds: relay.key.bot_seeds(channel.channel_id(), bot_id),
            env,
            reveals_on_close: options.reveal_on_close,
            stored: stored.cursor,
            cursor: stored.cursor,
            memory,
        })))
    }
}
