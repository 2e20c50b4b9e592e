//! The end of a channel that is being closed, after the last hooks of its bots.

use std::collections::HashSet;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::ChannelState;
use mcp_multiplayer_protocol::{BotId, SystemEvent};

use super::commit::CommitError;
use super::live::LiveChannel;

impl LiveChannel {
    /// Records that a bot has done everything that it had to do before the channel is closed.
    pub(crate) fn set_finished(&self, bot_id: &BotId) {
        self.tip().finished.insert(bot_id.clone());
    }

    /// Appends the last entry of a channel that is being closed, if all its bots have finished.
    pub(crate) async fn close_if_finished(self: &Arc<Self>) -> Result<(), CommitError> {
        let finished = self.tip().finished.clone();
        if !may_close(&self.durable(), &finished) {
            return Ok(());
        }
        self.commit(|proposal| {
            if may_close(proposal.state(), &finished) {
                proposal.push_event(&SystemEvent::Closed {}, None)?;
            }
            Ok(())
        })
        .await
    }
}

fn may_close(state: &ChannelState, finished: &HashSet<BotId>) -> bool {
    let composition = &state.composition;
    composition.close_requested.is_some()
        && composition.closed.is_none()
        && composition.bots.iter().all(|bot| finished.contains(&bot.bot_id))
}
