use std::sync::Arc;

use mcp_multiplayer_protocol::BotId;

use super::runner::{RunError, Runner};
use crate::channel::LiveChannel;

impl Runner {
    /// Ends the bot's part in a closed channel: drops its timers, and reveals its seed if its manifest says so.
    ///
    /// `closed` is the entry that closed the channel, which is the cause of the reveal. This may be called again after
    /// a restart; the memory says whether the seed was revealed already.
    pub(super) async fn finish_after_close(
        &mut self,
        channel: &Arc<LiveChannel>,
        bot_id: &BotId,
        closed: u64,
    ) -> Result<(), RunError> {
        let mut memory = self.memory.clone();
        memory.clear_timers();
        let reveals = self.reveals_on_close && !memory.is_final_seed_revealed();
        let event = if reveals { self.seeds.reveal_event(bot_id, memory.epoch()) } else { None };
        if event.is_some() {
            memory.next_epoch();
            memory.mark_final_seed_revealed();
        }
        if event.is_some() || memory.next_timer() != self.memory.next_timer() {
            self.commit_memory(channel, bot_id, memory, event.as_ref().map(|event| (event, Some(closed)))).await?;
        }
        Ok(())
    }
}
