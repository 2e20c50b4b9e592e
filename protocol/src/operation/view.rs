use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::channel::{Composition, Holder, SlotKind};
use crate::{BotId, ChannelId, Hash, SlotId, Timestamp};

/// A channel as its members see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct View {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its slots, by place.
    pub slots: Vec<SlotView>,
    /// The seat that the creator holds, if any.
    pub owner: Option<SlotId>,
    /// Whether bots may still change after two seats were filled.
    pub mutable: bool,
    /// Whether it takes nothing new.
    pub closed: bool,
}

/// A slot as members see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlotView {
    /// The slot.
    pub slot_id: SlotId,
    /// What may fill it.
    pub kind: SlotKind,
    /// Its name among people.
    pub label: String,
    /// `null`, `"player"` or `bot:<bot_id>`.
    pub filled_by: Option<String>,
    /// Whether its player is an admin.
    pub admin: bool,
    /// Whether it can no longer be filled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// A bot as members see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BotView {
    /// Its id, for `get_bot_code` and `dm_bot`.
    pub bot_id: BotId,
    /// Where it sits.
    pub slot_id: SlotId,
    /// Its name.
    pub name: String,
    /// Its version, as its author counts.
    pub version: String,
    /// What it says of itself.
    pub manifest: Map<String, Value>,
    /// SHA-256 of its source text.
    pub code_hash: Hash,
    /// SHA-256 of its manifest's canonical JSON.
    pub manifest_hash: Hash,
}

impl View {
    /// What members see of a channel.
    pub fn of(composition: &Composition) -> Self {
        let slots = composition.slots().map(|(slot_id, slot)| SlotView {
            slot_id,
            kind: slot.kind,
            label: slot.label.clone(),
            filled_by: slot.holder.as_ref().map(|holder| match holder {
                Holder::Player { .. } => "player".to_owned(),
                Holder::Bot(bot_id) => format!("bot:{bot_id}"),
            }),
            admin: slot.admin,
            closed: slot.closed,
        });
        Self {
            channel_id: composition.channel_id,
            name: composition.name.clone(),
            created_at: composition.created_at,
            slots: slots.collect(),
            owner: composition.owner_slot(),
            mutable: composition.mutable,
            closed: composition.closed.is_some(),
        }
    }
}
