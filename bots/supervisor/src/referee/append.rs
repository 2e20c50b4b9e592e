//! Adds the entries of a verdict to a step of the log.

use mcp_multiplayer_protocol::channel::{Composition, Draft, HookCall, Salts, Step};
use mcp_multiplayer_protocol::{Error, HookOutcome, Kind, PrivateResult, Sender, SlotId, SystemEvent};

use super::turn::{HookOutput, Turn, Verdict};

impl Verdict {
    /// Adds all entries of the call `turn` to `step`, in order, each with the call's trigger as its cause. If `on_init`
    /// failed, the last one detaches the bot.
    ///
    /// Fails if the channel's rules forbid an entry. The caller must then drop the step, and append the verdict of
    /// [`Turn::refused`] instead.
    pub fn append_to<S: Salts>(&self, turn: &Turn<'_>, step: &mut Step<S>) -> Result<(), Error> {
        let (bot_id, cause) = (&turn.bot.bot_id, Some(turn.trigger.id()));
        for output in self.delivered(turn, &step.state().composition.clone()) {
            match output {
                HookOutput::Post { to_slot, kind, body } => {
                    step.push(Draft { sender: Sender::Bot(bot_id.clone()), kind, to_slot, cause, body })?;
                }
                HookOutput::Event(event) => {
                    step.push_event(&event, cause)?;
                }
                HookOutput::Result { .. } => unreachable!("a result that is delivered is a DM"),
            }
        }
        if self.detaches_bot(turn) {
            let (slot_id, reason) = (turn.bot.slot_id, "on_init failed".to_owned());
            step.push_event(&SystemEvent::BotDetach { bot_id: bot_id.clone(), slot_id, reason, by: None }, cause)?;
        }
        Ok(())
    }

    /// The entries that are appended to a channel of this composition; the result of a call that a DM started is a DM, too.
    ///
    /// A DM to a player whose tenure ended while the hook ran is left out, and the result says so: it must not reach the next
    /// holder of the slot, and its loss is no reason to lose the hook's other effects.
    pub fn delivered(&self, turn: &Turn<'_>, composition: &Composition) -> Vec<HookOutput> {
        let is_there = |slot_id: SlotId| turn.has_stayed(slot_id, composition);
        let (mut delivered, mut undelivered) = (Vec::with_capacity(self.outputs.len()), Vec::new());
        for (number, output) in (0..).zip(&self.outputs) {
            match output {
                HookOutput::Post { to_slot: Some(to_slot), .. } if !is_there(*to_slot) => undelivered.push(number),
                HookOutput::Post { .. } => delivered.push(output.clone()),
                HookOutput::Result { to_slot, .. } if !is_there(*to_slot) => {}
                HookOutput::Result { to_slot, result } => {
                    let PrivateResult { mut result, failure } = PrivateResult::clone(result);
                    result.undelivered.clone_from(&undelivered);
                    let message = PrivateResult { result, failure }.to_message().to_body();
                    let body = message.expect("a result is nested less deeply than a body may be");
                    delivered.push(HookOutput::Post { to_slot: Some(*to_slot), kind: Kind::PRIVATE, body });
                }
                HookOutput::Event(event) => {
                    let mut event = SystemEvent::clone(event);
                    if let SystemEvent::BotRan { effects, result, .. } = &mut event {
                        *effects = u32::try_from(delivered.len()).expect("a hook has few effects");
                        if let Some(result) = result {
                            result.undelivered.clone_from(&undelivered);
                        }
                    }
                    delivered.push(HookOutput::Event(Box::new(event)));
                }
            }
        }
        delivered
    }

    /// Size of the bodies of all posts and DMs, in bytes.
    pub fn posted_bytes(&self) -> u64 {
        let bytes = |output: &HookOutput| match output {
            HookOutput::Post { body, .. } => body.as_str().len() as u64,
            HookOutput::Result { .. } | HookOutput::Event(_) => 0,
        };
        self.outputs.iter().map(bytes).sum()
    }

    /// Returns `true` if the bot is detached because of this call: its `on_init` failed.
    pub fn detaches_bot(&self, turn: &Turn<'_>) -> bool {
        self.outcome != HookOutcome::Ok && turn.call == HookCall::Init
    }
}
