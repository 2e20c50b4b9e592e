use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::channel::{BotsChange, ChannelState, Holder, SlotKind};
use crate::{BotId, ChannelId, Hash, SlotId, Timestamp};

/// A channel as shown to its members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct View {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its name.
    pub name: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Its slots, in order.
    pub slots: Vec<SlotView>,
    /// The seat that the creator holds, if any.
    pub owner: Option<SlotId>,
    /// Condition on which bots may be changed.
    pub bots_change: BotsChange,
    /// True if players post only after they have accepted the terms.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_terms: bool,
    /// True if the channel accepts nothing new.
    pub closed: bool,
    /// Time until which a bot protects a game in progress: until then nobody can be kicked, and no bot changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats_held_until: Option<Timestamp>,
}

/// A slot as shown to members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlotView {
    /// The slot.
    pub slot_id: SlotId,
    /// Kind of holder that may fill it.
    pub kind: SlotKind,
    /// Human-readable label.
    pub label: String,
    /// `null`, `"player"`, `"program"` for a practice partner, which is a program of the relay, or `bot:<bot_id>`.
    pub filled_by: Option<String>,
    /// True if its player is an admin.
    pub admin: bool,
    /// True if its player has accepted the terms.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// True if it can no longer be filled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// A bot as shown to members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BotView {
    /// Its id, for `get_bot_code` and `dm_bot`.
    pub bot_id: BotId,
    /// Slot that it fills.
    pub slot_id: SlotId,
    /// Its name.
    pub name: String,
    /// Version, as stated by its author.
    pub version: String,
    /// The preset's name, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// True if its source came from the caller that attached it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inline: bool,
    /// Its manifest.
    pub manifest: Map<String, Value>,
    /// SHA-256 of its source text.
    pub code_hash: Hash,
    /// SHA-256 of its manifest's canonical JSON.
    pub manifest_hash: Hash,
}

/// Most bytes of manifests in an answer that lists a channel's bots.
const MANIFESTS_BYTES: usize = 8_000;

impl BotView {
    /// Shortens the manifests of a channel's bots where there is no room for all of them. `get_bot_code` returns the whole.
    pub fn abridge(bots: &mut [Self]) {
        let mut room = MANIFESTS_BYTES;
        for BotView { manifest, .. } in bots {
            let size = serde_json::to_string(manifest).map_or(usize::MAX, |text| text.len());
            if let Some(rest) = room.checked_sub(size) {
                room = rest;
                continue;
            }
            let summary = manifest.get("summary").and_then(Value::as_str).unwrap_or_default();
            let summary: String = summary.chars().take(100).collect();
            *manifest =
                [("summary".to_owned(), summary.into()), ("abridged".to_owned(), true.into())].into_iter().collect();
        }
    }
}

impl View {
    /// Creates the view of a channel.
    pub fn of(state: &ChannelState) -> Self {
        let composition = &*state.composition;
        let slots = composition.slots().map(|(slot_id, slot)| SlotView {
            slot_id,
            kind: slot.kind,
            label: slot.label.clone(),
            filled_by: slot.holder.as_ref().map(|holder| match holder {
                Holder::Player { program: true, .. } => "program".to_owned(),
                Holder::Player { .. } => "player".to_owned(),
                Holder::Bot(bot_id) => format!("bot:{bot_id}"),
            }),
            admin: slot.admin,
            accepted: slot.accepted,
            closed: slot.closed,
        });
        Self {
            channel_id: composition.channel_id,
            name: composition.name.clone(),
            created_at: composition.created_at,
            slots: slots.collect(),
            owner: composition.owner_slot(),
            bots_change: composition.bots_change,
            require_terms: composition.require_terms,
            closed: composition.close_requested.is_some(),
            seats_held_until: state.seats_held_until(state.head.ts),
        }
    }
}
