//! Reads from the log of a receipt: events, a hook's effects, a bot's seeds.

use mcp_multiplayer_protocol::channel::{AuditedCall, Bot, Composition, HookCall};
use mcp_multiplayer_protocol::receipt::{Receipt, ReceiptBot, ReceiptExchange, ReceiptSeed};
use mcp_multiplayer_protocol::{
    BotId, Entry, Hash, HookFailure, HookResult, NetworkExchange, PrivateResult, Salt, SystemEvent, seed,
};

use super::error::ReplayError;
use crate::record::EgressExchange;
use crate::referee::{Seeds, Turn};

/// Index of the entry with this id in [`Receipt::entries`].
pub(super) fn index(id: u64) -> usize {
    usize::try_from(id.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// The seeds of a bot, as far as the file or the log reveals them. Fails if they are not those that the log commits to.
pub(super) fn seeds(receipt: &Receipt, bot: &Bot, shown: &ReceiptBot, committed: Hash) -> Result<Seeds, ReplayError> {
    let mut latest = shown.seed.clone();
    let (mut next, mut commitments) = (None, seed::Commitments::new(committed));
    let later = receipt.later_entries.iter().map(|later| &later.entry);
    for entry in receipt.entries.iter().chain(later) {
        if let Some(SystemEvent::SeedRevealed { bot_id, epoch, seed, next_commitment, .. }) = entry.event()
            && bot_id == bot.bot_id
        {
            commitments.add_reveal(epoch, next_commitment);
            if latest.as_ref().is_none_or(|latest| latest.epoch <= epoch) {
                latest = Some(ReceiptSeed { epoch, seed });
                next = Some(next_commitment);
            }
        }
    }
    let read = |ReceiptSeed { epoch, seed }: &ReceiptSeed, next| {
        let is_committed = seed::parse(seed).is_some_and(|seed| commitments.fit(&seed, *epoch));
        let seeds = Seeds::revealed(*epoch, seed, next).filter(|_| is_committed);
        let message = || format!("the seed of {} is not the one that the relay committed to", bot.bot_id);
        seeds.ok_or_else(|| ReplayError::Mismatch(message()))
    };
    if let Some(claimed) = &shown.seed {
        read(claimed, None)?;
    }
    latest.map_or_else(|| Ok(Seeds::unknown()), |latest| read(&latest, next))
}

/// Returns `true` if the log says that the hook drew from a seed that is not in `seeds`.
pub(super) fn draws_unknown_seed(logged: &[Entry], seeds: &Seeds) -> bool {
    match ran(logged) {
        Some(SystemEvent::BotRan { drawn, .. }) => drawn.iter().any(|drawn| !seeds.contains(drawn.epoch)),
        _ => false,
    }
}

/// The network traffic of a hook.
pub(super) enum Traffic {
    /// All of it; empty if there was none.
    Known(Vec<EgressExchange>),
    /// According to the log it contained a secret, so nobody has it.
    Sealed,
    /// The file leaves it out.
    Missing,
}

/// The recorded network traffic of a hook. That there was some is what the log says, not the file.
pub(super) fn recorded_exchange(receipt: &Receipt, turn: &Turn<'_>, logged: &[Entry]) -> Traffic {
    let exchanged = logged_result(logged).and_then(|result| result.exchanged);
    let Some(NetworkExchange { sealed, .. }) = exchanged else { return Traffic::Known(Vec::new()) };
    if sealed {
        return Traffic::Sealed;
    }
    let found = exchange(receipt, &turn.bot.bot_id, turn.trigger.id(), turn.step);
    let record = found.and_then(|found| serde_json::from_str(&found.record).ok());
    record.map_or(Traffic::Missing, Traffic::Known)
}

/// The salt of the hash of a call's network traffic; any, if the file has none.
pub(super) fn record_salt(receipt: &Receipt, call: &AuditedCall) -> Salt {
    let found = exchange(receipt, &call.bot_id, call.due.trigger, call.due.step);
    found.map_or(Salt([0; 32]), |found| found.salt)
}

fn exchange<'a>(receipt: &'a Receipt, bot_id: &BotId, trigger: u64, step: u32) -> Option<&'a ReceiptExchange> {
    let mut exchanges = receipt.exchanges.iter();
    exchanges.find(|found| (&found.bot_id, found.trigger, found.step) == (bot_id, trigger, step))
}

/// The result of a hook according to the log: in its `bot:ran`, or in the DM before that. `None` if the holder of the file may
/// not read it, or if it was for a player who had left.
pub(super) fn logged_result(logged: &[Entry]) -> Option<HookResult> {
    if let Some(SystemEvent::BotRan { result: Some(result), .. }) = ran(logged) {
        return Some(result);
    }
    private_result(logged).map(|PrivateResult { result, .. }| result)
}

/// The failure of a hook according to the log, if its reader can know it.
pub(super) fn logged_failure(logged: &[Entry]) -> Option<HookFailure> {
    if let [error, _] = logged
        && let Some(SystemEvent::BotError { failure, .. }) = error.event()
    {
        return Some(failure);
    }
    private_result(logged)?.failure
}

fn private_result(logged: &[Entry]) -> Option<PrivateResult> {
    let [.., last, _] = logged else { return None };
    PrivateResult::of_message(&last.direct_message()?)
}

/// Returns whether a hook may have failed whose [`logged_result`] is `None`: then it had no effect but the result, which is a DM
/// to the player whose DM started the hook, if that player was still there.
pub(super) fn may_have_failed(logged: &[Entry], turn: &Turn<'_>, before_result: &Composition) -> bool {
    let Some(SystemEvent::BotRan { drawn, timers, .. }) = ran(logged) else { return false };
    let result_for = match turn.call {
        HookCall::PrivateMessage(slot_id) => Some(slot_id).filter(|slot_id| turn.has_stayed(*slot_id, before_result)),
        _ => None,
    };
    let has_other_effects = match logged {
        [_] => false,
        [only, _] => result_for.is_none() || only.envelope.to_slot != result_for,
        _ => true,
    };
    !has_other_effects && drawn.is_empty() && timers.is_empty()
}

/// The last entry of a hook, which says how it went.
pub(super) fn ran(logged: &[Entry]) -> Option<SystemEvent> {
    logged.last().and_then(Entry::event)
}
