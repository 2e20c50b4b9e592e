use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BotSpec, BotView, IdempotencyKey, View};
use crate::channel::SlotKind;
use crate::{ChannelId, Hash, Secret, SlotId, limits};

/// Arguments of `update_channel`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateChannel {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// 1 to 32.
    #[schemars(length(min = 1, max = limits::UPDATE_OPS))]
    pub ops: Vec<UpdateOp>,
    /// Your seat, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// Your own text; a repeat with the same key changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// One change to a channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum UpdateOp {
    /// Puts a bot into a bot slot, in place of the one that is there.
    SetBot {
        /// The slot, 's0'.
        slot_id: SlotId,
        /// The bot.
        bot: BotSpec,
    },
    /// Takes the bot out of a slot.
    RemoveBot {
        /// The slot, 's0'.
        slot_id: SlotId,
    },
    /// Empties a slot and says what may fill it next; an invite slot gets a new code.
    YieldSlot {
        /// The slot.
        slot_id: SlotId,
        /// 'bot' or 'invite'.
        to: SlotKind,
    },
    /// Makes a player an admin, or no longer.
    SetAdmin {
        /// The player's slot.
        slot_id: SlotId,
        /// True by default.
        #[serde(default = "default_admin")]
        admin: bool,
    },
    /// Renames the channel.
    Rename {
        /// Up to 100 characters.
        #[schemars(length(max = limits::NAME_CHARS), regex(pattern = limits::NAME_PATTERN))]
        name: String,
    },
    /// Takes a player's seat away.
    Kick {
        /// The player's slot.
        slot_id: SlotId,
    },
    /// Makes a new invite code for an empty slot; an older one is void.
    NewInvite {
        /// The slot.
        slot_id: SlotId,
    },
    /// Closes an empty slot for good.
    CloseSlot {
        /// The slot.
        slot_id: SlotId,
    },
    /// Closes the channel: it can be read, nothing new is taken.
    Close {},
}

fn default_admin() -> bool {
    true
}

/// Result of [`UpdateChannel`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelUpdated {
    /// Always `true`.
    pub ok: bool,
    /// The channel.
    pub view: View,
    /// Its bots.
    pub bots: Vec<BotView>,
    /// Hash of the channel's terms from now on.
    pub terms_hash: Hash,
    /// The new invite codes, in the order of the operations that created them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invites: Vec<Secret>,
    /// The same codes as links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invite_links: Vec<Secret>,
}
