use std::sync::Arc;

use mcp_multiplayer_protocol::{BotId, SystemEvent};

use super::hook::{CursorMove, advance};
use super::runner::{RunError, Runner};
use crate::channel::LiveChannel;

impl Runner {
    /// Appends the `timer` entry of the bot's next timer if it is due; that entry then starts `on_timer`.
    ///
    /// Returns `false` when no timer is due. `true` means that the bot may have a hook to run now.
    pub(super) async fn append_due_timer(
        &mut self,
        channel: &Arc<LiveChannel>,
        bot_id: &BotId,
    ) -> Result<bool, RunError> {
        let now = channel.now();
        let Some(name) = self.memory.next_timer().filter(|(_, due)| *due <= now).map(|(name, _)| name.to_owned())
        else {
            return Ok(false);
        };
        let mut memory = self.memory.clone();
        memory.remove_timer(&name);
        let event = SystemEvent::Timer { bot_id: bot_id.clone(), name };
        let cursor = CursorMove { from: self.stored, to: self.cursor };
        let fired = channel
            .commit(|proposal| {
                // An entry may have arrived meanwhile whose hook cancels the timer or sets it again. Hooks
                // run in the order of the log, so that one comes first, and the timer is looked at again after it.
                let state = proposal.state();
                let place = state.composition.bots.iter().position(|bot| bot.bot_id == *bot_id);
                if place.is_none_or(|place| state.head.due[place] >= self.cursor.entry) {
                    return Ok(false);
                }
                proposal.push_event(&event, None)?;
                proposal.bots.push(advance(bot_id.clone(), cursor, &memory));
                Ok(true)
            })
            .await?;
        if fired {
            self.set_stored(memory);
        }
        Ok(true)
    }
}
