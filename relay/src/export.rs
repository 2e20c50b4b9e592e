//! Exports a channel as one file, from which its bots can be replayed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use mcp_multiplayer_bot_supervisor::referee::Memory;
use mcp_multiplayer_bot_supervisor::replay::{Export, ExportedBot, ExportedExchange, ExportedSeed, FORMAT};
use mcp_multiplayer_protocol::ChannelId;

use crate::config::Config;
use crate::keys::RelayKey;
use crate::store::Store;

/// Most entries, and most bytes of bodies, that are read at a time.
const PAGE: u32 = 1000;
const PAGE_BYTES: usize = 8 << 20;

/// Exports everything that the relay has of a channel, except its bots' sealed secrets.
///
/// With `public`, the bodies of private entries, the network traffic of the hooks that they started, and the seeds that
/// were not revealed are left out, too.
pub async fn export(
    store: &dyn Store,
    key: &RelayKey,
    config: &Config,
    channel_id: ChannelId,
    public: bool,
) -> Result<Export> {
    let stored = store.lookup_channel(channel_id).await?;
    let state = stored.with_context(|| format!("there is no channel {channel_id}"))?.state;
    let mut entries = Vec::new();
    while (entries.len() as u64) < state.size() {
        let page = store.list_entries(channel_id, entries.len() as u64, PAGE, PAGE_BYTES).await?;
        ensure!(!page.is_empty(), "the log of {channel_id} is incomplete");
        entries.extend(page);
    }
    let mut private = BTreeSet::new();
    if public {
        for entry in entries.iter_mut().filter(|entry| entry.envelope.to_slot.is_some()) {
            entry.content = None;
            private.insert(entry.id());
        }
    }
    let mut bots = BTreeMap::new();
    for stored in store.list_bots(channel_id).await? {
        let (bot, state) = (stored.bot, stored.state);
        let epoch = state.as_deref().and_then(Memory::parse).map_or(0, |memory| memory.epoch());
        let seed = key.bot_seeds(channel_id, &bot.bot_id).reveal(epoch).filter(|_| !public);
        let exported = ExportedBot {
            source: bot.source.to_string(),
            params: serde_json::from_str(&bot.params).context("a bot's params")?,
            seed: seed.map(|seed| ExportedSeed { epoch, seed }),
        };
        bots.insert(bot.bot_id, exported);
    }
    let exchanges = store.list_exchanges(channel_id).await?.into_iter();
    let exchanges = exchanges.filter(|exchange| !private.contains(&exchange.trigger)).map(|exchange| {
        let record = exchange.record.as_deref().map(serde_json::from_str).transpose().context("an exchange")?;
        let (bot_id, trigger, step) = (exchange.bot_id, exchange.trigger, exchange.step);
        Ok(ExportedExchange { bot_id, trigger, step, record })
    });
    Ok(Export {
        format: FORMAT.to_owned(),
        channel_id,
        body_bytes: config.body_bytes,
        entries,
        bots,
        exchanges: exchanges.collect::<Result<_>>()?,
    })
}
