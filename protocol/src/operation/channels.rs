use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{BotSpec, BotView, IdempotencyKey, Message, SlotView, View};
use crate::channel::{BotsChange, Terms};
use crate::{BotId, ChannelId, Hash, Secret, SlotId, Timestamp, limits};

/// Arguments of `create_channel`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateChannel {
    /// Up to 100 characters.
    #[schemars(length(max = limits::NAME_CHARS), regex(pattern = limits::NAME_PATTERN))]
    pub name: String,
    /// 1 to 32: 'bot:label' is a bot, 'invite:label' a player, 'practice:label' a program that plays.
    #[schemars(length(min = 1, max = limits::SLOTS), inner(regex(pattern = limits::SLOT_PATTERN)))]
    pub slots: Vec<String>,
    /// Python source for the first bot slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_code: Option<String>,
    /// GuessBot, ChessBot, BlackjackBot, TriviaBot, BargainBot, AuctionBot, ContractBot, ...: doc://quick-start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_preset: Option<String>,
    /// Its params, such as {"range": [1, 100]}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_params: Option<Map<String, Value>>,
    /// Several bots, each with attach_bot's arguments, slot ('bot:label') and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bots: Option<Vec<BotSpec>>,
    /// 'owner': bots may change during the game.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bots_change: Option<BotsChange>,
    /// Players accept the terms before they post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_terms: Option<bool>,
    /// Label of the invite slot you take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_as: Option<String>,
    /// With join_as: random text of your own, up to 256 bytes, for the bots' draws; it goes into the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::ENTROPY_BYTES))]
    pub entropy: Option<String>,
    /// Your own text; a repeat with the same key makes no second channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Result of [`CreateChannel`], returned after every bot's `on_init` is durable.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelCreated {
    /// The new channel.
    pub channel_id: ChannelId,
    /// One invite code for each invite slot that is still empty, in the order of the slots.
    pub invites: Vec<Secret>,
    /// The same codes as links.
    pub invite_links: Vec<Secret>,
    /// The same codes by the labels of their slots.
    pub invites_by_label: BTreeMap<String, Secret>,
    /// The channel.
    pub view: View,
    /// The attached bots.
    pub bots: Vec<BotView>,
    /// Bots that could not be attached, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bot_errors: Vec<String>,
    /// Hash of the channel's terms.
    pub terms_hash: Hash,
    /// With `join_as`: the creator's seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// With `join_as`: the token with which the creator can return to that seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejoin_token: Option<Secret>,
    /// With `join_as`: the messages so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
    /// With `join_as`: the cursor for the next call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// With `join_as`: time of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
}

/// Arguments of `join_channel`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinChannel {
    /// Invite code or link, or your rejoin_token.
    pub invite_code: Secret,
    /// Only look: bots[], terms, terms_hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<bool>,
    /// Accept exactly these terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_hash: Option<Hash>,
    /// On rejoin: only messages after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// Random text of yours for fair draws, up to 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::ENTROPY_BYTES))]
    pub entropy: Option<String>,
    /// Your own text; a repeat with the same key takes no second seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Result of [`JoinChannel`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "short-lived: one is made for an answer and then serialized")]
pub enum JoinOutcome {
    /// The caller has the seat.
    Joined(Joined),
    /// With `preview`.
    Preview(ChannelPreview),
}

impl JoinOutcome {
    /// Returns the channel.
    pub fn channel_id(&self) -> ChannelId {
        match self {
            Self::Joined(joined) => joined.channel_id,
            Self::Preview(preview) => preview.channel_id,
        }
    }
}

/// A channel as somebody with an invite may see it before taking the seat.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelPreview {
    /// Always `true`.
    pub preview: bool,
    /// The channel.
    pub channel_id: ChannelId,
    /// The seat that the invite or token is for.
    pub slot_id: SlotId,
    /// The channel.
    pub view: View,
    /// Its bots.
    pub bots: Vec<BotView>,
    /// Its terms.
    pub terms: Terms,
    /// Hash of the terms, for `join_channel`.
    pub terms_hash: Hash,
    /// Time at which the caller last accepted exactly these terms, in this or another channel of this relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_before: Option<Timestamp>,
    /// Without `accepted_before`: fields that differ from the terms that the caller last accepted for bots of the same names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<String>>,
}

/// Result of [`JoinChannel`] without `preview`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Joined {
    /// The channel.
    pub channel_id: ChannelId,
    /// The caller's seat.
    pub slot_id: SlotId,
    /// The token with which the caller can return to this seat.
    pub rejoin_token: Secret,
    /// The channel.
    pub view: View,
    /// Its bots.
    pub bots: Vec<BotView>,
    /// Hash of the channel's terms.
    pub terms_hash: Hash,
    /// The messages from the start of the log, or after the `cursor` of a rejoin.
    pub messages: Vec<Message>,
    /// The cursor for the next call.
    pub cursor: u64,
    /// True if there are more messages after the cursor.
    pub has_more: bool,
    /// Time of the answer.
    pub now: Timestamp,
}

/// Arguments of `leave_channel`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveChannel {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// Your seat, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// Your own text; a repeat with the same key changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Result of [`LeaveChannel`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// Always `true`.
    pub ok: bool,
}

/// Arguments of `get_channel_info`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetChannelInfo {
    /// 'chn_…'
    pub channel_id: ChannelId,
}

/// Result of [`GetChannelInfo`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelInfo {
    /// The channel.
    pub view: View,
    /// Its bots.
    pub bots: Vec<BotView>,
    /// Its terms.
    pub terms: Terms,
    /// Hash of the terms.
    pub terms_hash: Hash,
    /// The seats that the caller holds.
    pub your_slots: Vec<SlotId>,
    /// Number of entries in its log, which is the cursor of a reader who has seen everything.
    pub message_count: u64,
}

/// Arguments of `list_channels`: none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListChannels {}

/// Result of [`ListChannels`], with the newest channel first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelList {
    /// The channels in which the caller holds a seat, or which it created.
    pub channels: Vec<ChannelSummary>,
    /// Total number of the caller's channels.
    pub total_channels: u64,
}

/// A channel in a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelSummary {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its name.
    pub name: String,
    /// Its slots.
    pub slots: Vec<SlotView>,
    /// Number of entries in its log.
    pub message_count: u64,
    /// Its bots.
    pub bots: Vec<BotId>,
    /// The seats that the caller holds.
    pub your_slots: Vec<SlotId>,
}
