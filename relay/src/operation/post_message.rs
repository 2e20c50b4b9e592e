use mcp_multiplayer_protocol::operation::{DmBot, DmDelivered, MessagePosted, PostMessage, Synced};
use mcp_multiplayer_protocol::{Body, BotId, ChannelId, Error, ErrorCode, Kind, Sender, SlotId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::repeat::Keyed;
use super::{Caller, too_large};
use crate::channel::{CommitError, Standing};

/// What a player says.
struct Saying {
    channel_id: ChannelId,
    slot_id: Option<SlotId>,
    kind: Kind,
    body: Body,
    /// The one bot that it is for.
    bot_id: Option<BotId>,
}

/// Where a saying ended up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Said {
    msg_id: u64,
    ts: Timestamp,
}

impl Caller {
    /// Says something to everybody.
    pub(super) async fn post_message(&self, args: PostMessage) -> Result<MessagePosted, Error> {
        let keyed = Keyed::new("post_message", &args, args.idempotency_key.as_ref())?;
        let saying = Saying {
            channel_id: args.channel_id,
            slot_id: args.slot_id,
            kind: args.kind.unwrap_or(Kind::USER),
            body: self.body(args.data.unwrap_or_default(), args.body)?,
            bot_id: None,
        };
        let said = self.say(&saying, keyed).await?;
        let synced = self.wait_after(&saying, said, args.wait_ms, args.cursor).await?;
        Ok(MessagePosted { msg_id: said.msg_id, ts: said.ts, synced })
    }

    /// Says something to one bot alone.
    pub(super) async fn dm_bot(&self, args: DmBot) -> Result<DmDelivered, Error> {
        let keyed = Keyed::new("dm_bot", &args, args.idempotency_key.as_ref())?;
        let saying = Saying {
            channel_id: args.channel_id,
            slot_id: args.slot_id,
            kind: Kind::PRIVATE,
            body: self.body(Map::new(), args.message)?,
            bot_id: Some(args.bot_id.clone()),
        };
        let said = self.say(&saying, keyed).await?;
        let synced = self.wait_after(&saying, said, args.wait_ms, args.cursor).await?;
        Ok(DmDelivered { ok: true, delivered_to: args.bot_id, msg_id: said.msg_id, ts: said.ts, synced })
    }

    fn body(&self, mut fields: Map<String, Value>, text: String) -> Result<Body, Error> {
        fields.insert("text".to_owned(), Value::String(text));
        let body = Body::new("body", fields).map_err(|error| {
            Error::invalid(format!("The message cannot be stored: {error}."), "Change that value and post again.")
        })?;
        let (size, limit) = (body.as_str().len(), self.relay.config.body_bytes);
        if size > limit { Err(too_large("The message", size, limit)) } else { Ok(body) }
    }

    async fn say(&self, saying: &Saying, keyed: Option<Keyed>) -> Result<Said, Error> {
        match self.say_once(saying, keyed.as_ref()).await {
            Ok(said) => Ok(said),
            Err(refused) => self.or_repeat(keyed.as_ref(), Some((saying.channel_id, saying.slot_id)), refused).await,
        }
    }

    async fn say_once(&self, saying: &Saying, keyed: Option<&Keyed>) -> Result<Said, CommitError> {
        let (channel, player) = self.channel(saying.channel_id).await?;
        let seat = Standing::resolve(&channel.composition(), &player, saying.slot_id)?.seat()?;
        self.relay.quotas.take_post_from(saying.channel_id, seat)?;
        channel
            .commit(|proposal| {
                let composition = &proposal.state().composition;
                let standing = Standing::resolve(composition, &player, saying.slot_id)?;
                let to_slot = match &saying.bot_id {
                    None => None,
                    Some(bot_id) => Some(composition.bot(bot_id).ok_or_else(Error::bot_not_found)?.slot_id),
                };
                let (sender, kind, body) = (Sender::Slot(standing.seat()?), saying.kind.clone(), saying.body.clone());
                let envelope = &proposal.push(sender, kind, to_slot, None, body)?.envelope;
                let said = Said { msg_id: envelope.id, ts: envelope.ts };
                let scope = self.scope(saying.channel_id, standing);
                proposal.idempotency = keyed.map(|keyed| keyed.record(scope, saying.channel_id, &said));
                Ok(said)
            })
            .await
    }

    async fn wait_after(
        &self,
        saying: &Saying,
        said: Said,
        wait_ms: Option<u64>,
        cursor: Option<u64>,
    ) -> Result<Option<Synced>, Error> {
        let Some(wait_ms) = wait_ms else { return Ok(None) };
        let page = self.page(Some(cursor.unwrap_or(said.msg_id)), wait_ms, None);
        match self.sync(saying.channel_id, saying.slot_id, page, false).await {
            Ok(synced) => Ok(Some(synced)),
            // The seat was lost since; what was said is acknowledged all the same.
            Err(Error { code: ErrorCode::NotMember, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
