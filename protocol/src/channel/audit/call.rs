use super::super::{Hook, HookCall};
use crate::{
    BotId, Entry, HookOutcome, HookResult, KeystreamRange, PrivateResult, Sender, SkipReason, SlotId, SystemEvent,
    TimerChange,
};

/// Role of an entry in the calls of hooks.
pub(super) enum Role<'a> {
    /// An effect of a hook of this bot.
    Effect(&'a BotId),
    Ran {
        bot_id: &'a BotId,
        call: CallName,
        ran: Ran<'a>,
    },
    Skipped {
        bot_id: &'a BotId,
        call: CallName,
        reason: SkipReason,
    },
    /// Detached because its `on_init` failed.
    FailedToStart(&'a BotId),
    /// No part of a call.
    Other,
}

/// A call, as `bot:ran` or `bot:skipped` names it.
pub(super) struct CallName {
    pub(super) trigger: u64,
    pub(super) step: u32,
    pub(super) hook: Hook,
}

impl<'a> Role<'a> {
    pub(super) fn of(entry: &'a Entry, event: Option<&'a SystemEvent>) -> Self {
        if let Sender::Bot(bot_id) = &entry.envelope.sender {
            return Self::Effect(bot_id);
        }
        match event {
            Some(
                SystemEvent::BotError { bot_id, .. }
                | SystemEvent::SeatsHeld { bot_id, .. }
                | SystemEvent::SeatsReleased { bot_id }
                | SystemEvent::DmUnsealed { bot_id }
                | SystemEvent::EntropyOpened { bot_id, .. }
                | SystemEvent::SeedRevealed { bot_id, .. },
            ) => Self::Effect(bot_id),
            Some(SystemEvent::BotRan { bot_id, trigger, step, hook, effects, drawn, timers, result }) => {
                let call = CallName { trigger: *trigger, step: *step, hook: *hook };
                Self::Ran { bot_id, call, ran: Ran { effects: *effects, drawn, timers, result: result.as_ref() } }
            }
            Some(SystemEvent::BotSkipped { bot_id, trigger, step, hook, reason }) => {
                let call = CallName { trigger: *trigger, step: *step, hook: *hook };
                Self::Skipped { bot_id, call, reason: *reason }
            }
            Some(SystemEvent::BotDetach { bot_id, by: None, .. }) => Self::FailedToStart(bot_id),
            _ => Self::Other,
        }
    }
}

/// A call whose effects are being read.
#[derive(Clone, Debug)]
pub(super) struct OpenCall {
    pub(super) bot_id: BotId,
    /// Its first effect.
    pub(super) first: u64,
    /// The player whose DM started it; `None` if no DM did.
    started_by: Option<SlotId>,
    effects: u32,
    /// Number of seeds that it revealed.
    pub(super) reveals: u32,
    /// True if one of the effects is a `bot:error`.
    has_error: bool,
    /// The last effect, if it is a DM.
    last_dm: Option<Dm>,
}

#[derive(Clone, Debug)]
struct Dm {
    to_slot: SlotId,
    /// True if the body is missing.
    is_withheld: bool,
    /// The hook's result, if that is in it.
    result: Option<PrivateResult>,
}

impl OpenCall {
    pub(super) fn new(bot_id: BotId, first: u64, call: HookCall) -> Self {
        let started_by = match call {
            HookCall::PrivateMessage(slot_id) => Some(slot_id),
            _ => None,
        };
        Self { bot_id, first, started_by, effects: 0, reveals: 0, has_error: false, last_dm: None }
    }

    /// Reads the next effect.
    pub(super) fn add(&mut self, entry: &Entry, event: Option<&SystemEvent>) -> Result<(), &'static str> {
        if self.last_dm.as_ref().is_some_and(|dm| dm.result.is_some()) {
            return Err("the result of a hook that a DM started is its last effect");
        }
        let is_error = matches!(event, Some(SystemEvent::BotError { .. }));
        let dm = entry.envelope.to_slot.map(|to_slot| Dm {
            to_slot,
            is_withheld: entry.content.is_none(),
            result: entry.direct_message().as_ref().and_then(PrivateResult::of_message),
        });
        let result_for = dm.as_ref().filter(|dm| dm.result.is_some()).map(|dm| dm.to_slot);
        match self.started_by {
            None if result_for.is_some() => return Err("only a hook that a DM started has a private result"),
            Some(player) if is_error || result_for.is_some_and(|to_slot| to_slot != player) => {
                return Err("the result of a hook that a DM started is for the player who sent the DM only");
            }
            _ => {}
        }
        self.effects += 1;
        self.reveals += u32::from(matches!(event, Some(SystemEvent::SeedRevealed { .. })));
        self.has_error |= is_error;
        self.last_dm = dm;
        Ok(())
    }
}

/// The effects of a call, as `bot:ran` lists them.
pub(super) struct Ran<'a> {
    effects: u32,
    pub(super) drawn: &'a [KeystreamRange],
    pub(super) timers: &'a [TimerChange],
    result: Option<&'a HookResult>,
}

/// Facts of the log that bound what a hook can have done.
#[derive(Clone, Copy)]
pub(super) struct Possible {
    /// True if the bot has a network.
    pub(super) has_network: bool,
    /// True if the bot has secrets.
    pub(super) has_secrets: bool,
    /// True if the tenure of a player ended after the entry that started the hook.
    pub(super) somebody_left: bool,
}

impl Ran<'_> {
    /// Checks the result of a call that no DM started. Returns `true` if the call did not fail.
    pub(super) fn check_public(&self, open: Option<&OpenCall>, possible: Possible) -> Result<bool, &'static str> {
        let Some(result) = self.result else {
            return Err("the result of a hook is missing, although no DM started it");
        };
        self.check_count(open)?;
        let (failed, has_error) = (result.outcome != HookOutcome::Ok, open.is_some_and(|open| open.has_error));
        if failed != has_error || failed && self.effects != 1 {
            return Err("a hook that failed has one effect, a bot:error; others have none");
        }
        self.check_consistency(result, self.effects, possible)?;
        Ok(!failed)
    }

    /// Checks the result of a call that the DM of this slot's player started. It is a DM to the player, if the player is still
    /// there.
    pub(super) fn check_private(
        &self,
        open: Option<&OpenCall>,
        slot_id: SlotId,
        is_there: bool,
        possible: Possible,
    ) -> Result<(), &'static str> {
        if self.result.is_some() {
            return Err("the bot:ran of a hook that a DM started has no result");
        }
        self.check_count(open)?;
        let last = open.and_then(|open| open.last_dm.as_ref());
        if !is_there {
            return Ok(());
        }
        match last.filter(|dm| dm.to_slot == slot_id) {
            Some(Dm { is_withheld: true, .. }) => Ok(()),
            Some(Dm { result: Some(PrivateResult { result, .. }), .. }) => {
                if result.outcome != HookOutcome::Ok && self.effects != 1 {
                    return Err("a hook that failed has no effect but the result");
                }
                // The result itself is no effect that could be missing.
                self.check_consistency(result, self.effects - 1, possible)
            }
            _ => Err("the last effect of a hook that a DM started is its result, for the player who sent the DM"),
        }
    }

    fn check_count(&self, open: Option<&OpenCall>) -> Result<(), &'static str> {
        if open.map_or(0, |open| open.effects) == self.effects {
            Ok(())
        } else {
            Err("bot:ran counts another number of effects than there are before it")
        }
    }

    /// A hook that failed drew nothing that counts, and set and lost nothing. The effects that a hook lost are numbered among
    /// all of them.
    fn check_consistency(
        &self,
        HookResult { outcome, exchanged, undelivered }: &HookResult,
        effects: u32,
        possible: Possible,
    ) -> Result<(), &'static str> {
        if let Some(exchanged) = exchanged
            && !(possible.has_network && (possible.has_secrets || !exchanged.sealed))
        {
            return Err("only a bot with a network exchanges something, and only one with secrets has a sealed record");
        }
        if !undelivered.is_empty() && !possible.somebody_left {
            return Err("effects are undelivered only where a player left while the hook ran");
        }
        let failed = *outcome != HookOutcome::Ok;
        let nothing = self.drawn.is_empty() && self.timers.is_empty() && undelivered.is_empty();
        let all = u64::from(effects) + undelivered.len() as u64;
        let is_ordered = undelivered.windows(2).all(|pair| pair[0] < pair[1]);
        if (nothing || !failed) && is_ordered && undelivered.iter().all(|number| u64::from(*number) < all) {
            Ok(())
        } else {
            Err("bot:ran says of its effects what cannot be")
        }
    }
}
