use std::collections::BTreeMap;

use mcp_multiplayer_protocol::{ChannelId, Error, Reply, SlotId};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::Caller;
use super::answer::reply;
use crate::error::internal;

/// Members of results that a client computes from the log, and which are therefore left out beside it.
const DERIVED: [&str; 6] = ["messages", "view", "bots", "terms", "terms_hash", "message_count"];

/// A result with the checkpoint that covers what it shows or acknowledges.
#[derive(Serialize)]
struct Signed<'a, T> {
    #[serde(flatten)]
    result: T,
    checkpoint: &'a str,
}

/// The part of a log that a result is about.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    pub(super) channel_id: ChannelId,
    /// The seat that the caller acts from, if it is known.
    pub(super) slot_id: Option<SlotId>,
    /// `false` for a result that shows the channel to somebody who is not in it yet.
    pub(super) is_member: bool,
}

impl Subject {
    pub(super) fn seat(channel_id: ChannelId, slot_id: Option<SlotId>) -> Self {
        Self { channel_id, slot_id, is_member: true }
    }
}

impl Caller {
    /// Serializes a result about a channel, with a checkpoint if the caller's transport has them in replies, and with the log
    /// if the caller has asked for it.
    ///
    /// The result is made from what was durable when it was made, and a log only grows: the checkpoint of the log as it is
    /// now covers it.
    pub(super) async fn signed_reply<T: Serialize>(
        &self,
        result: Result<T, Error>,
        subject: impl FnOnce(&T) -> Subject,
    ) -> Result<Reply, Error> {
        let result = result?;
        if !self.has_checkpoints {
            return reply(Ok(result));
        }
        let Subject { channel_id, slot_id, is_member } = subject(&result);
        // The operation was performed. If the channel was deleted since then, or cannot be read, that must still be said.
        let Some(channel) = self.relay.channels.get(channel_id).await.ok().flatten() else { return reply(Ok(result)) };
        let (size, checkpoint) = channel.checkpoint(|tree| self.relay.log.sign(channel_id, tree));
        let log = match self.log_after.filter(|_| is_member) {
            Some(after) => self.log_beside_result(&channel, slot_id, after, size).await.ok(),
            None => None,
        };
        let Some(log) = log else { return reply(Ok(Signed { result, checkpoint: &checkpoint })) };
        let members = || -> serde_json::Result<Reply> {
            let text = serde_json::to_string(&result)?;
            let mut members: BTreeMap<&str, Box<RawValue>> = serde_json::from_str(&text)?;
            members.retain(|name, _| !DERIVED.contains(name));
            members.insert("checkpoint", to_raw_value(&*checkpoint)?);
            members.insert("log", to_raw_value(&log)?);
            to_raw_value(&members)
        };
        members().map_err(|error| internal(&error))
    }

    /// Like [`Caller::signed_reply`], for an operation that only looks at a channel: it has a checkpoint only beside the log.
    pub(super) async fn reply_with_log<T: Serialize>(
        &self,
        result: Result<T, Error>,
        subject: Option<Subject>,
    ) -> Result<Reply, Error> {
        match subject.filter(|_| self.log_after.is_some()) {
            Some(subject) => self.signed_reply(result, |_| subject).await,
            None => reply(result),
        }
    }
}
