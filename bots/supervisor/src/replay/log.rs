//! What the log says: of an entry, of a hook, of a bot's seeds.

use mcp_multiplayer_protocol::channel::Bot;
use mcp_multiplayer_protocol::{BotId, Entry, HookOutcome, Sender, SystemEvent, limits};

use super::export::{Export, ExportedBot, ExportedSeed};
use crate::record::Step;
use crate::referee::Seeds;

pub(super) fn place(id: u64) -> usize {
    usize::try_from(id.saturating_sub(1)).unwrap_or(usize::MAX)
}

pub(super) fn event(entry: &Entry) -> Option<SystemEvent> {
    if entry.envelope.sender == Sender::System { entry.body()?.parse().ok() } else { None }
}

/// The seeds that the export tells, or else the log.
pub(super) fn seeds(export: &Export, bot: &Bot, exported: &ExportedBot) -> Option<Seeds> {
    let mut known = exported.seed.clone();
    let mut next = None;
    for entry in &export.entries {
        if let Some(SystemEvent::SeedRevealed { bot_id, epoch, seed, next_commitment }) = event(entry)
            && bot_id == bot.bot_id
            && known.as_ref().is_none_or(|known| known.epoch <= epoch)
        {
            known = Some(ExportedSeed { epoch, seed });
            next = Some(next_commitment);
        }
    }
    let ExportedSeed { epoch, seed } = known?;
    Seeds::revealed(epoch, &seed, next)
}

/// How many bot posts led to an entry, itself included.
pub(super) fn depth(export: &Export, entry: &Entry) -> u32 {
    let (mut entry, mut depth) = (entry, 0);
    while matches!(entry.envelope.sender, Sender::Bot(_)) && depth < limits::CASCADE_DEPTH {
        depth += 1;
        match entry.envelope.cause.and_then(|cause| export.entries.get(place(cause))) {
            Some(before) => entry = before,
            None => break,
        }
    }
    depth
}

/// The next `bot:ran` of the bot for this trigger.
pub(super) fn ran_at(export: &Export, bot_id: &BotId, trigger: u64, after: u64) -> Option<u64> {
    let later = export.entries.get(place(after + 1)..)?;
    let ran = later.iter().find(|entry| {
        entry.envelope.cause == Some(trigger)
            && matches!(event(entry), Some(SystemEvent::BotRan { bot_id: of, .. }) if of == *bot_id)
    })?;
    Some(ran.id())
}

/// What the log says of the hook whose `bot:ran` is at `ran`: the entries of its batch.
pub(super) fn logged<'a>(export: &'a Export, bot_id: &BotId, trigger: u64, after: u64, ran: u64) -> Vec<&'a Entry> {
    let belongs = |entry: &&Entry| {
        entry.envelope.cause == Some(trigger)
            && match &entry.envelope.sender {
                Sender::Bot(of) => of == bot_id,
                Sender::System => match event(entry) {
                    Some(
                        SystemEvent::BotRan { bot_id: of, .. }
                        | SystemEvent::BotError { bot_id: of, .. }
                        | SystemEvent::EntropyOpened { bot_id: of, .. }
                        | SystemEvent::SeedRevealed { bot_id: of, .. },
                    ) => of == *bot_id,
                    _ => false,
                },
                Sender::Slot(_) => false,
            }
    };
    export.entries[place(after + 1)..place(ran + 1)].iter().filter(belongs).collect()
}

/// Whether the log says that the hook drew from a seed that is not known here.
pub(super) fn drawn_beyond(logged: &[&Entry], seeds: &Seeds) -> bool {
    logged.iter().any(|entry| match event(entry) {
        Some(SystemEvent::BotRan { drawn, .. }) => drawn.iter().any(|drawn| !seeds.reaches(drawn.epoch)),
        _ => false,
    })
}

pub(super) fn recorded<'a>(export: &'a Export, bot_id: &BotId, trigger: u64, step: u32) -> Option<&'a [Step]> {
    let found = export
        .exchanges
        .iter()
        .find(|exchange| exchange.bot_id == *bot_id && exchange.trigger == trigger && exchange.step == step);
    // A hook without an exchange has an empty record; one whose record is sealed has none.
    found.map_or(Some(&[]), |exchange| exchange.record.as_deref())
}

/// How the hook ended, as the log says.
pub(super) fn outcome(logged: &[&Entry]) -> Option<HookOutcome> {
    logged.iter().find_map(|entry| match event(entry) {
        Some(SystemEvent::BotRan { outcome, .. }) => Some(outcome),
        _ => None,
    })
}
