//! Adds the entries of a verdict to a step of the log.

use mcp_multiplayer_protocol::channel::{Composition, Draft, HookCall, Salts, Slot, Step};
use mcp_multiplayer_protocol::{Error, HookOutcome, Sender, SlotId, SystemEvent};

use super::turn::{HookOutput, Turn, Verdict};

impl Verdict {
    /// Adds all entries of the call `turn` to `step`, in order, each with the call's trigger as its cause. If `on_init`
    /// failed, the last one detaches the bot.
    ///
    /// A DM to a player whose tenure ended while the hook ran is left out, and `bot:ran` says so: it must not reach the next
    /// holder of the slot, and its loss is no reason to lose the hook's other effects.
    ///
    /// Fails if the channel's rules forbid an entry. The caller must then drop the step, and append the verdict of
    /// [`Turn::refused`] instead.
    pub fn append_to<S: Salts>(&self, turn: &Turn<'_>, step: &mut Step<S>) -> Result<(), Error> {
        let (bot_id, cause) = (&turn.bot.bot_id, Some(turn.trigger.id()));
        let mut lost = Vec::new();
        for (number, output) in (0..).zip(&self.outputs) {
            match output {
                HookOutput::Post { to_slot: Some(to_slot), .. } if !is_deliverable(step, *to_slot, turn) => {
                    lost.push(number);
                }
                HookOutput::Post { to_slot, kind, body } => {
                    let (sender, kind, body) = (Sender::Bot(bot_id.clone()), kind.clone(), body.clone());
                    step.push(Draft { sender, kind, to_slot: *to_slot, cause, body })?;
                }
                HookOutput::Event(event) => {
                    step.push_event(&event.without_effects(&lost), cause)?;
                }
            }
        }
        if self.detaches_bot(turn) {
            let (slot_id, reason) = (turn.bot.slot_id, "on_init failed".to_owned());
            step.push_event(&SystemEvent::BotDetach { bot_id: bot_id.clone(), slot_id, reason, by: None }, cause)?;
        }
        Ok(())
    }

    /// Leaves out DMs that the log calls undelivered, for a comparison with the log. `lost` are their numbers.
    ///
    /// A DM stays if the player who held the slot at the trigger still held it in `before_result`, the channel just before
    /// the call's `bot:ran`.
    #[must_use]
    pub fn without_undelivered(mut self, turn: &Turn<'_>, lost: &[u32], before_result: &Composition) -> Self {
        let tenure = |composition: &Composition, slot_id| composition.slot(slot_id).and_then(Slot::tenure_began);
        let is_lost = |(number, output): &(u32, HookOutput)| {
            lost.contains(number)
                && matches!(output, HookOutput::Post { to_slot: Some(to_slot), .. }
                    if tenure(before_result, *to_slot) != tenure(turn.memory.composition(), *to_slot))
        };
        let (lost, kept): (Vec<_>, Vec<_>) = (0..).zip(self.outputs).partition(is_lost);
        let lost: Vec<u32> = lost.into_iter().map(|(number, _)| number).collect();
        let kept = kept.into_iter().map(|(_, output)| match output {
            HookOutput::Event(event) => HookOutput::Event(Box::new(event.without_effects(&lost))),
            post @ HookOutput::Post { .. } => post,
        });
        self.outputs = kept.collect();
        self
    }

    /// Size of the bodies of all posts and DMs, in bytes.
    pub fn posted_bytes(&self) -> u64 {
        let bytes = |output: &HookOutput| match output {
            HookOutput::Post { body, .. } => body.as_str().len() as u64,
            HookOutput::Event(_) => 0,
        };
        self.outputs.iter().map(bytes).sum()
    }

    /// Returns `true` if the bot is detached because of this call: its `on_init` failed.
    pub fn detaches_bot(&self, turn: &Turn<'_>) -> bool {
        self.outcome != HookOutcome::Ok && turn.call == HookCall::Init
    }
}

/// Returns `true` if the player who held the slot when the hook was triggered still holds it.
fn is_deliverable<S: Salts>(step: &Step<S>, to_slot: SlotId, turn: &Turn<'_>) -> bool {
    let tenure = step.state().composition.slot(to_slot).and_then(Slot::tenure_began);
    tenure.is_some_and(|tenure| tenure <= turn.trigger.id())
}
