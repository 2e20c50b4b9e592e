//! Reads from an exported log: events, a hook's effects, a bot's seeds.

use mcp_multiplayer_protocol::channel::{self, Bot};
use mcp_multiplayer_protocol::{BotId, Entry, HookOutcome, Sender, SystemEvent};

use super::export::{Export, ExportedBot, ExportedSeed};
use crate::record::EgressExchange;
use crate::referee::Seeds;

/// Index of the entry with this id in [`Export::entries`].
pub(super) fn index(id: u64) -> usize {
    usize::try_from(id.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// The event that an entry states, if it is one of the relay's own.
pub(super) fn event(entry: &Entry) -> Option<SystemEvent> {
    if entry.envelope.sender == Sender::System { entry.body()?.parse().ok() } else { None }
}

/// The seeds of a bot, as far as the export or the log reveals them.
pub(super) fn seeds(export: &Export, bot: &Bot, exported: &ExportedBot) -> Option<Seeds> {
    let mut latest = exported.seed.clone();
    let mut next = None;
    for entry in &export.entries {
        if let Some(SystemEvent::SeedRevealed { bot_id, epoch, seed, next_commitment, .. }) = event(entry)
            && bot_id == bot.bot_id
            && latest.as_ref().is_none_or(|latest| latest.epoch <= epoch)
        {
            latest = Some(ExportedSeed { epoch, seed });
            next = Some(next_commitment);
        }
    }
    let ExportedSeed { epoch, seed } = latest?;
    Seeds::revealed(epoch, &seed, next)
}

/// Number of hooks that led to an entry.
pub(super) fn cascade_depth(export: &Export, entry: &Entry) -> u32 {
    channel::cascade_depth(entry, |id| export.entries.get(index(id)))
}

/// The first `bot:ran` or `bot:skipped` after entry `after` that belongs to a hook of the bot for this trigger, with its id.
pub(super) fn find_result(export: &Export, bot_id: &BotId, trigger: u64, after: u64) -> Option<(u64, SystemEvent)> {
    let later = export.entries.get(index(after + 1)..)?;
    later.iter().filter(|entry| entry.envelope.cause == Some(trigger)).find_map(|entry| {
        let event = event(entry)?;
        let is_result = matches!(&event, SystemEvent::BotRan { bot_id: of, .. } | SystemEvent::BotSkipped { bot_id: of, .. } if of == bot_id);
        is_result.then_some((entry.id(), event))
    })
}

/// The logged effects of the hook whose `bot:ran` is entry `ran`, that one included.
///
/// `after` is the `bot:ran` of the bot's hook before it.
pub(super) fn logged_effects<'a>(
    export: &'a Export,
    bot_id: &BotId,
    trigger: u64,
    after: u64,
    ran: u64,
) -> Vec<&'a Entry> {
    let belongs = |entry: &&Entry| {
        entry.envelope.cause == Some(trigger)
            && match &entry.envelope.sender {
                Sender::Bot(of) => of == bot_id,
                Sender::System => match event(entry) {
                    Some(
                        SystemEvent::BotRan { bot_id: of, .. }
                        | SystemEvent::BotError { bot_id: of, .. }
                        | SystemEvent::SeatsHeld { bot_id: of, .. }
                        | SystemEvent::SeatsReleased { bot_id: of }
                        | SystemEvent::EntropyOpened { bot_id: of, .. }
                        | SystemEvent::SeedRevealed { bot_id: of, .. },
                    ) => of == *bot_id,
                    _ => false,
                },
                Sender::Slot(_) => false,
            }
    };
    export.entries[index(after + 1)..index(ran + 1)].iter().filter(belongs).collect()
}

/// Returns `true` if the log says that the hook drew from a seed that is not in `seeds`.
pub(super) fn draws_unknown_seed(logged: &[&Entry], seeds: &Seeds) -> bool {
    logged.iter().any(|entry| match event(entry) {
        Some(SystemEvent::BotRan { drawn, .. }) => drawn.iter().any(|drawn| !seeds.contains(drawn.epoch)),
        _ => false,
    })
}

/// The recorded network traffic of a hook: empty without any, `None` where it was left out because of a secret in it.
pub(super) fn recorded_exchange<'a>(
    export: &'a Export,
    bot_id: &BotId,
    trigger: u64,
    step: u32,
) -> Option<&'a [EgressExchange]> {
    let found = export
        .exchanges
        .iter()
        .find(|exchange| exchange.bot_id == *bot_id && exchange.trigger == trigger && exchange.step == step);
    found.map_or(Some(&[]), |exchange| exchange.record.as_deref())
}

/// Outcome of a hook according to the log.
pub(super) fn logged_outcome(logged: &[&Entry]) -> Option<HookOutcome> {
    logged.iter().find_map(|entry| match event(entry) {
        Some(SystemEvent::BotRan { outcome, .. }) => Some(outcome),
        _ => None,
    })
}

/// Numbers of the hook's effects that were DMs to a tenure that had ended, according to the log.
pub(super) fn undelivered(logged: &[&Entry]) -> Vec<u32> {
    let listed = logged.iter().find_map(|entry| match event(entry) {
        Some(SystemEvent::BotRan { undelivered, .. }) => Some(undelivered),
        _ => None,
    });
    listed.unwrap_or_default()
}

/// Returns `true` if the log has a result of another hook of the bot after entry `after`, or has ended with a close, so that no
/// hook that was due before can still be without a result.
pub(super) fn has_later_result(export: &Export, bot_id: &BotId, after: u64) -> bool {
    let later = export.entries.get(index(after + 1)..).unwrap_or_default();
    later.iter().filter_map(event).any(|event| match event {
        SystemEvent::BotRan { bot_id: of, .. } | SystemEvent::BotSkipped { bot_id: of, .. } => of == *bot_id,
        SystemEvent::Closed {} => true,
        _ => false,
    })
}
