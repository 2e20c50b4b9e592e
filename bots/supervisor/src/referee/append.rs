//! Adds the entries of a verdict to a step of the log.

use mcp_multiplayer_protocol::channel::{Draft, HookCall, Salts, Step};
use mcp_multiplayer_protocol::{Error, HookOutcome, Sender, SystemEvent};

use super::turn::{HookOutput, Turn, Verdict};

impl Verdict {
    /// Adds all entries of the call `turn` to `step`, in order, each with the call's trigger as its cause. If `on_init`
    /// failed, the last one detaches the bot.
    ///
    /// Fails if the channel's rules forbid an entry. The caller must then drop the step, and append the verdict of
    /// [`Turn::refused`] instead.
    pub fn append_to<S: Salts>(&self, turn: &Turn<'_>, step: &mut Step<S>) -> Result<(), Error> {
        let (bot_id, cause) = (&turn.bot.bot_id, Some(turn.trigger.id()));
        for output in &self.outputs {
            match output {
                HookOutput::Post { to_slot, kind, content } => {
                    let (sender, kind, body) = (Sender::Bot(bot_id.clone()), kind.clone(), content.body.clone());
                    step.push_salted(Draft { sender, kind, to_slot: *to_slot, cause, body }, content.salt)?;
                }
                HookOutput::Event(event) => {
                    step.push_event(event, cause)?;
                }
            }
        }
        if self.detaches_bot(turn) {
            let (slot_id, reason) = (turn.bot.slot_id, "on_init failed".to_owned());
            step.push_event(&SystemEvent::BotDetach { bot_id: bot_id.clone(), slot_id, reason, by: None }, cause)?;
        }
        Ok(())
    }

    /// Returns `true` if the bot is detached because of this call: its `on_init` failed.
    pub fn detaches_bot(&self, turn: &Turn<'_>) -> bool {
        self.outcome != HookOutcome::Ok && turn.call == HookCall::Init
    }
}
