use mcp_multiplayer_bot_supervisor::referee::{HookOutput, Memory, Turn, Verdict};
use mcp_multiplayer_protocol::channel::HookCall;
use mcp_multiplayer_protocol::{Error, HookOutcome, Sender, SystemEvent};

use crate::channel::Proposal;
use crate::store::{BotChange, BotCursor, Exchange};

/// Where a bot stands before and after a call.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    /// Where the store has the bot's cursor; nobody else may have moved it.
    pub(super) stored: BotCursor,
    pub(super) to: BotCursor,
}

/// Proposes everything that a call comes to, as one step.
pub(super) fn propose(
    proposal: &mut Proposal,
    turn: &Turn<'_>,
    verdict: &Verdict,
    steps: Steps,
    before: &Memory,
) -> Result<(), Error> {
    let (bot_id, cause) = (&turn.bot.bot_id, Some(turn.trigger.id()));
    for said in &verdict.outputs {
        match said {
            HookOutput::Bot { to_slot, kind, content } => {
                let sender = Sender::Bot(bot_id.clone());
                proposal.push_salted(sender, kind.clone(), *to_slot, cause, content.clone())?;
            }
            HookOutput::Relay(event) => drop(proposal.push_event(event, cause)?),
        }
    }
    if let Some(record) = &verdict.record {
        proposal.bots.push(BotChange::Exchanged(Exchange {
            bot_id: bot_id.clone(),
            trigger: turn.trigger.id(),
            step: turn.step,
            // What held a secret is kept as the hash in `bot:ran`, and not otherwise.
            record: (!record.is_sealed()).then(|| record.text().to_owned()),
        }));
    }
    proposal.bots.push(advance(turn.bot.bot_id.clone(), steps, verdict.memory.as_ref().unwrap_or(before)));
    if verdict.outcome != HookOutcome::Ok && turn.call == HookCall::Init {
        let (slot_id, reason) = (turn.bot.slot_id, "on_init failed".to_owned());
        let detach = SystemEvent::BotDetach { bot_id: bot_id.clone(), slot_id, reason, by: None };
        proposal.push_event(&detach, cause)?;
        proposal.bots.push(BotChange::Detach(bot_id.clone()));
    }
    Ok(())
}

/// The change that moves a bot on, with what it remembers.
pub(super) fn advance(bot_id: mcp_multiplayer_protocol::BotId, steps: Steps, memory: &Memory) -> BotChange {
    BotChange::Advance {
        bot_id,
        from: steps.stored,
        to: steps.to,
        state: memory.has_changed().then(|| memory.to_text()),
        timer: memory.next_timer().map(|(_, due)| due),
    }
}
