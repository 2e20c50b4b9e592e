use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{IdempotencyKey, View};
use crate::channel::Composition;
use crate::{Body, BotId, ChannelId, Entry, Kind, Sender, SlotId, Timestamp, limits};

/// Arguments of `post_message`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostMessage {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// The text, such as 'guess 42'.
    #[serde(default)]
    pub body: String,
    /// Your own label; usually absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Fields for programs; turn_id of the turn you answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
    /// Also wait up to this many ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = limits::WAIT_MS))]
    pub wait_ms: Option<u64>,
    /// Cursor of your last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// As in sync_messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<WaitFor>,
    /// Return your own posts, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_own: Option<bool>,
    /// Your seat, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// Your own text; a repeat with the same key posts nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Result of [`PostMessage`], returned after the message is durable.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MessagePosted {
    /// The message's id.
    pub msg_id: u64,
    /// Time at which the relay accepted the message.
    pub ts: Timestamp,
    /// With `wait_ms`: the messages after the cursor.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub synced: Option<Synced>,
}

/// Arguments of `dm_bot`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DmBot {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// 'bot_…', from bots[].
    pub bot_id: BotId,
    /// Such as '!status'.
    #[serde(default, alias = "body")]
    pub message: String,
    /// Fields for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
    /// Also wait up to this many ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = limits::WAIT_MS))]
    pub wait_ms: Option<u64>,
    /// Cursor of your last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// As in sync_messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<WaitFor>,
    /// Return your own posts, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_own: Option<bool>,
    /// Your seat, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// Your own text; a repeat with the same key sends nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Result of [`DmBot`], returned after the message is durable.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DmDelivered {
    /// Always `true`.
    pub ok: bool,
    /// The bot that received the message.
    pub delivered_to: BotId,
    /// The message's id.
    pub msg_id: u64,
    /// Time at which the relay accepted the message.
    pub ts: Timestamp,
    /// With `wait_ms`: the messages after the cursor.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub synced: Option<Synced>,
}

/// Arguments of `sync_messages`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncMessages {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// Cursor of your last answer; 0: from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// Longest wait in ms; default 25000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = limits::WAIT_MS))]
    pub timeout_ms: Option<u64>,
    /// Most messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::PAGE_ENTRIES))]
    pub limit: Option<u32>,
    /// What ends the wait: 'any'; 'bot', not chat; 'my_turn'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<WaitFor>,
    /// Return your own posts, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_own: Option<bool>,
    /// Also what only a verifier needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_trace: Option<bool>,
    /// Your seat, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
}

/// Arguments of `delete_entries`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteEntries {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// The ids of your own posts and DMs.
    #[schemars(length(min = 1, max = limits::DELETED_ENTRIES))]
    pub ids: Vec<u64>,
    /// Your seat, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
}

/// Result of [`DeleteEntries`], returned after the bodies were destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deleted {
    /// Always `true`.
    pub ok: bool,
    /// Number of entries whose bodies this request destroyed; those that had none any more are not counted.
    pub deleted: u64,
}

/// The entries that end a wait before its time. A reader's own entries never do.
///
/// This only decides when an operation returns; it returns everything after the cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitFor {
    /// Every entry.
    #[default]
    Any,
    /// Entries of bots, and those of the relay about seats, bots and the end of the channel.
    Bot,
    /// The entries of `Bot`. But while the last post that names turns (`turn: [slot_ids]`, by a bot) does not name the reader, posts of
    /// bots do not end the wait. Direct messages to the reader do, and posts at the end of the game: those with
    /// `turn: []` or the type `game_end`.
    MyTurn,
}

impl JsonSchema for WaitFor {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WaitFor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "enum": ["any", "bot", "my_turn"] })
    }
}

/// Result of [`SyncMessages`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Synced {
    /// The messages after the cursor that the caller may read.
    pub messages: Vec<Message>,
    /// The highest id that was considered, including hidden entries; pass it to the next call.
    pub cursor: u64,
    /// True if there are more messages after the cursor.
    pub has_more: bool,
    /// Time of the answer.
    pub now: Timestamp,
    /// The channel, if its slots, bots or settings changed after the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<View>,
}

/// An entry as shown to members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Sequence number in the channel: 1, 2, 3, …
    pub id: u64,
    /// The channel.
    pub channel_id: ChannelId,
    /// The sender: `s1`, `bot:<bot_id>` or `system`.
    pub sender: Sender,
    /// Label or name of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_label: Option<String>,
    /// The label.
    pub kind: Kind,
    /// The message itself; `null` if it was deleted.
    pub body: Option<Body>,
    /// Time at which the relay accepted the message.
    pub ts: Timestamp,
    /// The only slot that the message is addressed to; `null` for everyone.
    pub to_slot: Option<SlotId>,
}

impl Message {
    /// An entry as its readers see it: members with `sync_messages`, and bots in `on_message`.
    pub fn of(composition: &Composition, entry: &Entry) -> Self {
        let envelope = &entry.envelope;
        let (kind, body) = entry.message();
        Self {
            id: envelope.id,
            channel_id: envelope.channel_id,
            sender: envelope.sender.clone(),
            sender_label: composition.sender_label(&envelope.sender).map(str::to_owned),
            kind,
            body,
            ts: envelope.ts,
            to_slot: envelope.to_slot,
        }
    }
}
