use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_protocol::channel::HookCall;
use mcp_multiplayer_protocol::{BotId, SkipReason};

use super::runner::{RunError, Runner};
use crate::channel::LiveChannel;

/// Longest time that a bot's hooks may run in all after the request to close the channel, `on_close` apart. Also the time
/// for which a bot that cannot be run holds up the close.
const CLOSING_TIME: Duration = Duration::from_mins(1);

impl Runner {
    /// The reason why a hook does not run in a channel that is being closed, if there is one. `on_close` is always tried.
    pub(super) fn refuse_at_close(&self, call: HookCall) -> Option<SkipReason> {
        (self.closing_time > CLOSING_TIME && call != HookCall::Close).then_some(SkipReason::Closing)
    }

    /// Returns `true` if the channel should have been closed by now, but for a bot that cannot be run.
    pub(super) async fn is_close_overdue(channel: &LiveChannel) -> Result<bool, RunError> {
        let Some(request) = channel.composition().close_requested else { return Ok(false) };
        let Some(entry) = channel.entry(request).await? else { return Ok(false) };
        let waited = channel.now().as_millis() - entry.envelope.ts.as_millis();
        Ok(u128::try_from(waited).is_ok_and(|waited| waited > CLOSING_TIME.as_millis()))
    }

    /// Ends the bot's part in a channel that is being closed, after its last hook: reveals its seed if its manifest says so.
    ///
    /// `request` is the entry that asked for the close, which is the cause of the reveal. This may be called again after
    /// a restart; the memory says whether the seed was revealed already.
    pub(super) async fn finish(
        &mut self,
        channel: &Arc<LiveChannel>,
        bot_id: &BotId,
        request: u64,
    ) -> Result<(), RunError> {
        if self.reveals_on_close && !self.memory.is_final_seed_revealed() {
            let mut memory = self.memory.clone();
            let event = self.seeds.reveal_event(bot_id, memory.epoch(), memory.epoch_began());
            memory.next_epoch(request);
            memory.mark_final_seed_revealed();
            self.commit_memory(channel, bot_id, memory, event.as_ref().map(|event| (event, Some(request)))).await?;
        }
        channel.set_finished(bot_id);
        Ok(())
    }
}
