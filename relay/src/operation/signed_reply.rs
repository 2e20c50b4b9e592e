use std::sync::Arc;

use mcp_multiplayer_protocol::{ChannelId, Error, Reply};
use serde::Serialize;

use super::Caller;
use super::answer::reply;

/// A result with the checkpoint that covers what it shows or acknowledges.
#[derive(Serialize)]
struct Signed<T> {
    #[serde(flatten)]
    result: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<Arc<str>>,
}

impl Caller {
    /// Serializes a result about a channel, with a checkpoint if the caller's transport has them in replies.
    ///
    /// The result is made from what was durable when it was made, and a log only grows: the checkpoint of the log as it is
    /// now covers it.
    pub(super) async fn signed_reply<T: Serialize>(
        &self,
        result: Result<T, Error>,
        channel_id: impl FnOnce(&T) -> ChannelId,
    ) -> Result<Reply, Error> {
        let result = result?;
        if !self.has_checkpoints {
            return reply(Ok(result));
        }
        // The operation was performed. If the channel was deleted since then, or cannot be read, that must still be said.
        let channel = self.relay.channels.get(channel_id(&result)).await.ok().flatten();
        let checkpoint =
            channel.map(|channel| channel.checkpoint(|tree| self.relay.log.sign(channel.channel_id(), tree)));
        reply(Ok(Signed { result, checkpoint }))
    }
}
