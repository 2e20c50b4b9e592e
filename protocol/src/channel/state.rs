use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Hook;
use crate::merkle::Frontier;
use crate::{BotId, ChannelId, Hash, Sender, SlotId, Timestamp};

/// The state that a channel's log leads to: O(slots + bots + log n), no bodies, no secrets.
///
/// In two parts, because every entry moves the head but few change who and what is in the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelState {
    /// What every entry moves.
    pub head: Head,
    /// Who and what is in the channel.
    pub composition: Arc<Composition>,
}

/// The end of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The time of the last entry.
    pub ts: Timestamp,
    /// The Merkle tree so far; its size is the last entry's id.
    pub frontier: Frontier,
    /// For each bot of the composition, in its order, the last entry that may start a hook of it.
    pub due: Vec<u64>,
}

/// Slots, seats, bots and settings of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    /// The entry that changed it last.
    pub revision: u64,
    /// The channel.
    pub channel_id: ChannelId,
    /// The channel's name.
    pub name: String,
    /// The time of the first entry.
    pub created_at: Timestamp,
    /// The creator's pseudonym in this channel.
    pub owner: Hash,
    /// Whether bots may change after two seats were filled.
    pub mutable: bool,
    /// The entry that closed the channel.
    pub closed: Option<u64>,
    /// The slots, by place.
    pub slots: Vec<Slot>,
    /// The attached bots, by time of attach.
    pub bots: Vec<Bot>,
    /// How many bots were ever attached; the number in the next one's id.
    pub bots_attached: u32,
}

/// What may fill a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// A bot.
    Bot,
    /// A player with an invite code.
    Invite,
}

/// A numbered place in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What may fill it.
    pub kind: SlotKind,
    /// Its name among people.
    pub label: String,
    /// Who fills it.
    pub holder: Option<Holder>,
    /// Whether its player is an admin.
    pub admin: bool,
    /// Whether it can no longer be filled.
    pub closed: bool,
    /// How many tenures it has had, the present one included.
    pub tenure: u32,
    /// Which invite code is the valid one: 0 for the first, one more for each `new_invite`.
    pub invite: u32,
    /// Whether that code was used.
    pub invite_used: bool,
}

/// Who fills a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A player, by its principal's pseudonym in this channel.
    Player {
        /// The pseudonym.
        player: Hash,
        /// The entry with which the tenure began; private entries before it stay closed.
        since: u64,
        /// SHA-256 of the entropy that the player contributed then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entropy: Option<Hash>,
    },
    /// A bot.
    Bot(BotId),
}

/// A bot in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bot {
    /// Its id.
    pub bot_id: BotId,
    /// Where it sits.
    pub slot_id: SlotId,
    /// Its name.
    pub name: String,
    /// The hooks its class defines.
    pub hooks: Vec<Hook>,
    /// The entry that attached it.
    pub attached: u64,
    /// The seats that were filled at that time; each is told to it with `on_join` after `on_init`.
    pub present: Vec<SlotId>,
    /// SHA-256 of its source text.
    pub code_hash: Hash,
    /// SHA-256 of its manifest's canonical JSON.
    pub manifest_hash: Hash,
}

impl ChannelState {
    /// The state before the first entry.
    pub fn empty(channel_id: ChannelId) -> Self {
        let epoch = Timestamp::from_millis(0);
        Self {
            head: Head { ts: epoch, frontier: Frontier::default(), due: Vec::new() },
            composition: Arc::new(Composition {
                revision: 0,
                channel_id,
                name: String::new(),
                created_at: epoch,
                owner: Hash::from_bytes([0; 32]),
                mutable: false,
                closed: None,
                slots: Vec::new(),
                bots: Vec::new(),
                bots_attached: 0,
            }),
        }
    }

    /// The id of the last entry; 0 before the first.
    pub fn size(&self) -> u64 {
        self.head.frontier.size()
    }
}

impl Composition {
    /// The slot of this id.
    pub fn slot(&self, slot_id: SlotId) -> Option<&Slot> {
        self.slots.get(slot_id.place())
    }

    /// The bot of this id.
    pub fn bot(&self, bot_id: &BotId) -> Option<&Bot> {
        self.bots.iter().find(|bot| bot.bot_id == *bot_id)
    }

    /// The slots with their ids.
    pub fn slots(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        self.slots.iter().enumerate().map(|(place, slot)| (SlotId::at(place), slot))
    }

    /// The seats that are held by a player, with the pseudonym of who holds them.
    pub fn seats(&self) -> impl Iterator<Item = (SlotId, &Slot, &Hash)> {
        self.slots().filter_map(|(slot_id, slot)| match &slot.holder {
            Some(Holder::Player { player, .. }) => Some((slot_id, slot, player)),
            _ => None,
        })
    }

    /// The seat that the owner holds, the first one if several.
    pub fn owner_slot(&self) -> Option<SlotId> {
        self.seats().find(|(_, _, player)| **player == self.owner).map(|(slot_id, ..)| slot_id)
    }

    /// Whether bots may no longer be changed: two seats were filled at some time, and the channel was not made `mutable`.
    pub fn is_sealed(&self) -> bool {
        !self.mutable && self.slots.iter().map(|slot| slot.tenure.min(1)).sum::<u32>() >= 2
    }

    /// What readers call a sender: the label of its slot, or the bot's name.
    pub fn sender_label(&self, sender: &Sender) -> Option<&str> {
        match sender {
            Sender::Slot(slot_id) => self.slot(*slot_id).map(|slot| slot.label.as_str()),
            Sender::Bot(bot_id) => self.bot(bot_id).map(|bot| bot.name.as_str()),
            Sender::System => None,
        }
    }
}

impl Slot {
    /// An empty slot.
    pub fn empty(kind: SlotKind, label: String) -> Self {
        Self { kind, label, holder: None, admin: false, closed: false, tenure: 0, invite: 0, invite_used: false }
    }

    /// Whether a player holds it.
    pub fn has_player(&self) -> bool {
        matches!(self.holder, Some(Holder::Player { .. }))
    }
}
