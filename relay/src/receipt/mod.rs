//! Makes the receipt of a channel: its log, and all that is needed to verify it offline.

mod later;
mod limit;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use mcp_multiplayer_bot_supervisor::referee::Memory;
use mcp_multiplayer_protocol::channel::{Composition, Visibility};
use mcp_multiplayer_protocol::receipt::{FORMAT, Header, Line, ReceiptBot, ReceiptExchange, ReceiptSeed};
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Kind, PrivateResult, Sender, SystemEvent};

use crate::keys::{LogKey, RelayKey};
use crate::store::{Store, StoredBot};

pub(crate) use later::LaterPlan;
pub(crate) use limit::permit;

/// Most entries, and most bytes of bodies, that are read at a time.
const PAGE: u32 = 1000;
const PAGE_BYTES: usize = 1 << 20;

/// Those who may read a receipt, and so what is in it beside the envelopes of all entries.
pub(crate) enum Reader<'a> {
    /// The operator: everything but bots' secrets, with the seeds that are in force.
    Operator(&'a RelayKey),
    /// A present or former member: what the member may read.
    Member(Visibility),
    /// Anybody: nothing private.
    Public,
}

impl Reader<'_> {
    fn may_read(&self, composition: &Composition, entry: &Entry) -> bool {
        let is_public = entry.envelope.to_slot.is_none() || composition.is_unsealed(&entry.envelope);
        is_public
            || match self {
                Self::Operator(_) => true,
                Self::Member(visibility) => visibility.may_read(entry),
                Self::Public => false,
            }
    }

    /// The seed of a bot that is in force; only the operator may have it.
    fn seed(&self, channel_id: ChannelId, bot_id: &BotId, state: Option<&str>) -> Option<ReceiptSeed> {
        let Self::Operator(key) = self else { return None };
        let epoch = state.and_then(Memory::parse).map_or(0, |memory| memory.epoch());
        let seed = key.bot_seeds(channel_id, bot_id).reveal(epoch)?;
        Some(ReceiptSeed { epoch, seed })
    }
}

/// Takes the lines of a receipt.
pub(crate) trait Sink: Send {
    /// Takes the next line.
    fn write(&mut self, line: Line) -> impl Future<Output = Result<()>> + Send;
}

/// A receipt that is about to be made.
pub(crate) struct ReceiptPlan<'a> {
    pub(crate) header: Header,
    /// Number of its entries.
    pub(crate) size: u64,
    pub(crate) checkpoint: String,
    pub(crate) reader: Reader<'a>,
    /// The log that its entries are the beginning of, for a former member.
    pub(crate) later: Option<LaterPlan>,
}

/// Passes the lines of a receipt to `sink`, one after the other.
///
/// Entries are read page by page, so that a long log takes no more memory than a short one.
pub(crate) async fn write_receipt(store: &dyn Store, plan: ReceiptPlan<'_>, sink: &mut impl Sink) -> Result<()> {
    let ReceiptPlan { header, size, checkpoint, reader, later } = plan;
    let channel_id = header.channel_id;
    let composition = store.lookup_channel(channel_id).await?.context("the channel was deleted")?.state.composition;
    sink.write(Line::Header(header)).await?;
    let (mut read, mut private_exchange, mut exchanged) = (0, false, BTreeSet::new());
    while read < size {
        let page = store.list_entries(channel_id, read, PAGE, PAGE_BYTES).await?;
        ensure!(!page.is_empty(), "the log of {channel_id} is incomplete");
        for mut entry in page.into_iter().take_while(|entry| entry.id() <= size) {
            read = entry.id();
            if !reader.may_read(&composition, &entry) {
                entry.content = None;
            }
            exchanged.extend(exchange_of(&entry, private_exchange));
            private_exchange = has_private_exchange(&entry);
            sink.write(Line::Entry(entry)).await?;
        }
    }
    if let Some(later) = later {
        later.write(store, size, sink).await?;
    }
    for StoredBot { bot, state, .. } in store.list_bots(channel_id).await? {
        if bot.attached <= size {
            let seed = reader.seed(channel_id, &bot.bot_id, state.as_deref());
            let params = serde_json::from_str(&bot.params).context("a bot's params")?;
            sink.write(Line::Bot(ReceiptBot { bot_id: bot.bot_id, source: bot.source.to_string(), params, seed }))
                .await?;
        }
    }
    for exchange in store.list_exchanges(channel_id).await? {
        // Traffic that contained a secret was not stored. Traffic of hooks that ran later is not in this log.
        let Some(record) = exchange.record else { continue };
        let key = (exchange.bot_id.clone(), exchange.trigger, exchange.step);
        if exchanged.contains(&key) {
            let (bot_id, trigger, step, salt) = (exchange.bot_id, exchange.trigger, exchange.step, exchange.salt);
            sink.write(Line::Exchange(ReceiptExchange { bot_id, trigger, step, salt, record })).await?;
        }
    }
    sink.write(Line::Checkpoint(checkpoint)).await
}

/// Returns `true` for the private result of a hook that exchanged something.
fn has_private_exchange(entry: &Entry) -> bool {
    let result = entry.direct_message().and_then(|message| PrivateResult::of_message(&message));
    result.is_some_and(|private| private.result.exchanged.is_some())
}

/// Bot, trigger and step of a hook that exchanged something, if the entry is its `bot:ran`. Where a DM started the hook, the
/// entry before that says so, to those who may read it.
fn exchange_of(entry: &Entry, private_exchange: bool) -> Option<(BotId, u64, u32)> {
    if entry.envelope.kind != Kind::TRACE || entry.envelope.sender != Sender::System {
        return None;
    }
    match entry.body()?.parse().ok()? {
        SystemEvent::BotRan { bot_id, trigger, step, result, .. } => {
            let has_exchange = result.map_or(private_exchange, |result| result.exchanged.is_some());
            has_exchange.then_some((bot_id, trigger, step))
        }
        _ => None,
    }
}

/// Makes the receipt of a channel for its operator, with the relay's key, or for anybody; returns the number of entries.
pub async fn operator_receipt(
    store: &dyn Store,
    log: &LogKey,
    channel_id: ChannelId,
    operator: Option<&RelayKey>,
    write: impl FnMut(&str) -> std::io::Result<()> + Send,
) -> Result<u64> {
    let stored = store.lookup_channel(channel_id).await?;
    let frontier = stored.with_context(|| format!("there is no channel {channel_id}"))?.state.head.frontier;
    let (reader, holder) = match operator {
        Some(key) => (Reader::Operator(key), "the operator"),
        None => (Reader::Public, "anybody"),
    };
    let header = Header { format: FORMAT.to_owned(), channel_id, log: Some(log.identity()), holder: holder.to_owned() };
    let checkpoint = log.sign(channel_id, frontier.tree_head());
    let plan = ReceiptPlan { header, size: frontier.size(), checkpoint, reader, later: None };
    write_receipt(store, plan, &mut File(write)).await?;
    Ok(frontier.size())
}

/// Passes the texts of lines on to a function.
struct File<F>(F);

impl<F: FnMut(&str) -> std::io::Result<()> + Send> Sink for File<F> {
    async fn write(&mut self, line: Line) -> Result<()> {
        (self.0)(&line.to_text()).context("cannot write the receipt")
    }
}
