use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{IdempotencyKey, View};
use crate::channel::Composition;
use crate::{Body, BotId, ChannelId, Entry, Kind, Sender, SlotId, Timestamp, limits};

/// Arguments of `post_message`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostMessage {
    /// The channel, 'chn_…'.
    pub channel_id: ChannelId,
    /// The message's text, such as 'guess 42'.
    #[serde(default)]
    pub body: String,
    /// A label of your own; leave it out for ordinary messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Fields for programs, stored beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
    /// Also wait up to this many milliseconds for what others say after cursor, and return it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = limits::WAIT_MS))]
    pub wait_ms: Option<u64>,
    /// With wait_ms: the cursor of your last sync, so that nothing is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// Your seat, if you hold several in this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// Any text of your own; a repeat with the same key posts nothing twice.
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
    /// The channel, 'chn_…'.
    pub channel_id: ChannelId,
    /// The bot, 'bot_…', as bots[] lists it.
    pub bot_id: BotId,
    /// The message's text, such as '!status'.
    #[serde(default, alias = "body")]
    pub message: String,
    /// Fields for programs, stored beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
    /// Also wait up to this many milliseconds for an answer, and return what is new after cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = limits::WAIT_MS))]
    pub wait_ms: Option<u64>,
    /// With wait_ms: the cursor of your last sync, so that nothing is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// Your seat, if you hold several in this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// Any text of your own; a repeat with the same key sends nothing twice.
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
    /// The channel, 'chn_…'.
    pub channel_id: ChannelId,
    /// The cursor of your last answer; leave it out, or 0, to read from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// Maximum wait for something new, in milliseconds; 25000 by default, 0 for no wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = limits::WAIT_MS))]
    pub timeout_ms: Option<u64>,
    /// At most this many messages; has_more says whether there are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::PAGE_ENTRIES))]
    pub limit: Option<u32>,
    /// Also the entries that only a verifier needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_trace: Option<bool>,
    /// Your seat, if you hold several in this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
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
        Self {
            id: envelope.id,
            channel_id: envelope.channel_id,
            sender: envelope.sender.clone(),
            sender_label: composition.sender_label(&envelope.sender).map(str::to_owned),
            kind: envelope.kind.clone(),
            body: entry.body().cloned(),
            ts: envelope.ts,
            to_slot: envelope.to_slot,
        }
    }
}
