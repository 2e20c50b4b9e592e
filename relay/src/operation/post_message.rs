use mcp_multiplayer_protocol::channel::Draft;
use mcp_multiplayer_protocol::operation::{DmBot, DmDelivered, MessagePosted, PostMessage, Synced};
use mcp_multiplayer_protocol::{
    Body, BotId, ChannelId, Error, ErrorCode, Kind, Sender, SlotId, SystemEvent, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Caller;
use super::arguments::too_large;
use super::idempotency::RequestKey;
use super::sync_messages::Reading;
use crate::channel::{CommitError, Member};

/// A post or DM of a player.
struct Post {
    channel_id: ChannelId,
    slot_id: Option<SlotId>,
    kind: Kind,
    body: Body,
    /// Addressee of a DM.
    bot_id: Option<BotId>,
}

/// Id and time of a durable post. Stored for a repeat of the request.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Posted {
    msg_id: u64,
    ts: Timestamp,
}

impl Caller {
    /// Posts a message for everybody in the channel.
    pub(super) async fn post_message(&self, args: PostMessage) -> Result<MessagePosted, Error> {
        let request_key = RequestKey::new("post_message", &args, args.idempotency_key.as_ref())?;
        let post = Post {
            channel_id: args.channel_id,
            slot_id: args.slot_id,
            kind: args.kind.unwrap_or(Kind::USER),
            body: self.body(args.data.unwrap_or_default(), args.body)?,
            bot_id: None,
        };
        let posted = self.append_post(&post, request_key).await?;
        let reading = Reading::new(args.cursor, args.wait_for, args.include_own);
        let synced = self.sync_after(&post, posted, args.wait_ms, reading).await?;
        Ok(MessagePosted { msg_id: posted.msg_id, ts: posted.ts, synced })
    }

    /// Sends a DM to a bot.
    pub(super) async fn dm_bot(&self, args: DmBot) -> Result<DmDelivered, Error> {
        let request_key = RequestKey::new("dm_bot", &args, args.idempotency_key.as_ref())?;
        let post = Post {
            channel_id: args.channel_id,
            slot_id: args.slot_id,
            kind: Kind::PRIVATE,
            body: self.body(args.data.unwrap_or_default(), args.message)?,
            bot_id: Some(args.bot_id.clone()),
        };
        let posted = self.append_post(&post, request_key).await?;
        let reading = Reading::new(args.cursor, args.wait_for, args.include_own);
        let synced = self.sync_after(&post, posted, args.wait_ms, reading).await?;
        Ok(DmDelivered { ok: true, delivered_to: args.bot_id, msg_id: posted.msg_id, ts: posted.ts, synced })
    }

    /// The body of a post: `data`'s fields, and the text.
    fn body(&self, mut fields: Map<String, Value>, text: String) -> Result<Body, Error> {
        if text.trim().is_empty() && fields.is_empty() {
            return Err(Error::invalid("The message is empty.", "Send a text, or fields in data."));
        }
        if let Some(name) =
            fields.get("type").and_then(Value::as_str).filter(|name| SystemEvent::RESERVED_TYPES.contains(name))
        {
            return Err(Error::invalid(
                format!("The type '{name}' in data is the relay's own."),
                "Choose another one, so that nobody takes your message for the relay's.",
            ));
        }
        fields.insert("text".to_owned(), Value::String(text));
        let body = Body::new("body", fields).map_err(|error| {
            Error::invalid(format!("The message cannot be stored: {error}."), "Change that value and post again.")
        })?;
        let (size, limit) = (body.as_str().len(), self.relay.config.body_bytes);
        if size > limit { Err(too_large("The message", size, limit)) } else { Ok(body) }
    }

    async fn append_post(&self, post: &Post, request_key: Option<RequestKey>) -> Result<Posted, Error> {
        match self.append_post_once(post, request_key.as_ref()).await {
            Ok(posted) => Ok(posted),
            Err(refusal) => {
                self.repeat_outcome_or(refusal, request_key.as_ref(), Some((post.channel_id, post.slot_id))).await
            }
        }
    }

    async fn append_post_once(&self, post: &Post, request_key: Option<&RequestKey>) -> Result<Posted, CommitError> {
        let (channel, player) = self.channel(post.channel_id).await?;
        // The seat is resolved twice. Here, from the durable state, to count the post against the
        // seat's rate once, however often it is proposed. Below, from the state that the post will
        // follow: the player may have left or been kicked by an entry that is not durable yet.
        let seat = Member::resolve(&channel.composition(), &player, post.slot_id)?.seat()?;
        channel.check_storage(&self.relay.quotas)?;
        self.relay.quotas.take_post_from(post.channel_id, seat)?;
        let seats = channel.composition().seats().count();
        self.relay.quotas.check_hooks_of(post.channel_id, seat, seats)?;
        channel
            .commit(|proposal| {
                let composition = &proposal.state().composition;
                let member = Member::resolve(composition, &player, post.slot_id)?;
                let to_slot = match &post.bot_id {
                    None => None,
                    Some(bot_id) => Some(composition.bot(bot_id).ok_or_else(Error::bot_not_found)?.slot_id),
                };
                let (sender, kind, body) = (Sender::Slot(member.seat()?), post.kind.clone(), post.body.clone());
                let envelope = &proposal.push(Draft { sender, kind, to_slot, cause: None, body })?.envelope;
                let posted = Posted { msg_id: envelope.id, ts: envelope.ts };
                let scope = self.member_scope(post.channel_id, member);
                proposal.idempotency =
                    request_key.map(|request_key| request_key.record(scope, post.channel_id, &posted));
                Ok(posted)
            })
            .await
    }

    /// Waits for messages after a post, if the caller asked for it.
    async fn sync_after(
        &self,
        post: &Post,
        posted: Posted,
        wait_ms: Option<u64>,
        reading: Reading,
    ) -> Result<Option<Synced>, Error> {
        let Some(wait_ms) = wait_ms else { return Ok(None) };
        let reading = Reading { cursor: reading.cursor.or(Some(posted.msg_id)), ..reading };
        let page = self.page(reading, wait_ms, None);
        // Most posts do not wait, and need no room for it.
        match Box::pin(self.sync(post.channel_id, post.slot_id, page, false)).await {
            Ok(synced) => Ok(Some(synced)),
            // The player lost the seat meanwhile, or the token its validity. The post is durable, and acknowledged all the
            // same.
            Err(Error { code: ErrorCode::NotMember | ErrorCode::Unauthenticated, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
