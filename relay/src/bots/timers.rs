use std::sync::Arc;

use mcp_multiplayer_protocol::{BotId, Timestamp};

use crate::channel::{CommitError, LiveChannel};

/// Appends the `timer` entries of all timers of the channel that are due; each then starts its bot's `on_timer`.
///
/// A member's entry does the same in its own batch. Neither waits for hooks that are due on earlier entries, so that a busy
/// bot does not add to a player's time. If one of those hooks turns out to cancel the timer, `on_timer` is skipped.
pub(super) async fn append_due_timers(channel: &Arc<LiveChannel>) -> Result<(), CommitError> {
    channel.commit(|proposal| proposal.step().fire_due_timers()).await
}

/// Time at which the next timer of a bot fires.
pub(super) fn next_timer(channel: &LiveChannel, bot_id: &BotId) -> Option<Timestamp> {
    channel.durable().bot_head(bot_id)?.timers.iter().map(|timer| timer.due).min()
}
