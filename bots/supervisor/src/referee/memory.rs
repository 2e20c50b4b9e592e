//! The memory of a bot between its hooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{
    Bot, Composition, Holder, Hook, HookCall, Slot as ChannelSlot, SlotKind, evolve_composition,
};
use mcp_multiplayer_protocol::{Contribution, Entry, Kind, Sender, SlotId, SystemEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::hook::{Player, Slot};

/// Everything that a bot keeps between its hooks.
///
/// A hook sees the channel as it was when its trigger was appended, however late it runs. Therefore the memory has its
/// own copy of the channel's composition, which advances entry by entry with the bot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    composition: Arc<Composition>,
    /// The state that the bot set with `ctx.set_state`.
    pub(crate) state: Option<Box<RawValue>>,
    /// Values that the bot committed to with `ctx.commit`, as the worker keeps them.
    #[serde(default, rename = "kept", skip_serializing_if = "Option::is_none")]
    pub(crate) commitments: Option<Box<RawValue>>,
    /// Data about each player that the bot keeps with `ctx.seat`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    seats: BTreeMap<SlotId, SeatData>,
    pub(crate) stream: StreamState,
    /// The numbers of the timers that are running or whose hook has not run yet, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) timers: BTreeMap<String, u32>,
    /// Number of timers that the bot ever set.
    #[serde(default)]
    pub(crate) timers_set: u32,
    /// True if the seed was revealed because the channel closed.
    #[serde(default, rename = "concluded", skip_serializing_if = "std::ops::Not::not")]
    final_seed_revealed: bool,
    /// The last entry that was applied.
    #[serde(default)]
    applied: u64,
    /// True if it differs from the stored memory.
    #[serde(skip)]
    pub(crate) changed: bool,
}

/// Data that a bot keeps about one player.
///
/// It is bound to the player's tenure, so that whoever takes the slot next inherits none of it, even if the bot does not
/// define `on_leave` or fails in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SeatData {
    tenure: u64,
    data: Box<RawValue>,
}

/// Position in a bot's keystream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamState {
    pub(crate) epoch: u32,
    /// The entry that began the epoch: it attached the bot, or started the hook that revealed the seed before.
    pub(crate) began: u64,
    /// The players' entropy in it; `None` before `on_start`.
    pub(crate) open: Option<Vec<Contribution>>,
    /// True from `ctx.start()` until `on_start`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) starting: bool,
    /// Number of bytes drawn since `on_start`, or, before it, since the epoch began.
    pub(crate) position: u64,
}

impl StreamState {
    fn begin(epoch: u32, began: u64) -> Self {
        Self { epoch, began, open: None, starting: false, position: 0 }
    }
}

impl Memory {
    /// Memory of a bot that entry `attached` has attached to a channel of this composition.
    pub fn new(composition: Arc<Composition>, attached: u64) -> Self {
        Self {
            composition,
            state: None,
            commitments: None,
            seats: BTreeMap::new(),
            stream: StreamState::begin(0, attached),
            timers: BTreeMap::new(),
            timers_set: 0,
            final_seed_revealed: false,
            applied: attached,
            changed: true,
        }
    }

    /// The JSON text that the store keeps.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a composition and a JSON text are plain JSON")
    }

    /// Parses [`to_text`](Self::to_text); `None` if the text is corrupt.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Advances the memory of a bot by the next entry of the log.
    ///
    /// An entry may start several hooks. If the process ends between them, the memory is loaded with the entry applied, and
    /// the entry comes once more, without effect.
    pub fn apply(&mut self, bot: &Bot, entry: &Entry) {
        if entry.id() <= self.applied {
            return;
        }
        self.applied = entry.id();
        evolve_composition(&mut self.composition, entry);
        if self.composition.revision == entry.id() {
            self.changed = true;
            // The data of a tenure that ended is kept for `on_leave`, but no longer than until the next one begins.
            let composition = &self.composition;
            self.seats.retain(|slot_id, kept| {
                let tenure = composition.slot(*slot_id).and_then(ChannelSlot::tenure_began);
                tenure.is_none_or(|tenure| tenure == kept.tenure)
            });
        }
        // A bot may post with any kind.
        if entry.envelope.sender == Sender::System
            && entry.envelope.kind == Kind::SYSTEM
            && self.stream.starting
            && let Some(SystemEvent::EntropyOpened { bot_id, contributions, .. }) =
                entry.body().and_then(|body| body.parse().ok())
            && bot_id == bot.bot_id
        {
            self.stream.starting = false;
            if self.stream.open.is_none() {
                (self.stream.open, self.stream.position) = (Some(contributions), 0);
            }
            self.changed = true;
        }
        // No hook will run for it.
        if entry.envelope.sender == Sender::System
            && entry.envelope.kind == Kind::TRACE
            && !bot.hooks.contains(&Hook::OnTimer)
            && let Some(SystemEvent::Timer { bot_id, n, .. }) = entry.body().and_then(|body| body.parse().ok())
            && bot_id == bot.bot_id
        {
            self.forget_timer(n);
        }
    }

    /// Returns whether it differs from the stored memory.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Records that it has been stored as it is.
    pub fn mark_stored(&mut self) {
        self.changed = false;
    }

    /// The channel's composition as of the last applied entry.
    pub fn composition(&self) -> &Composition {
        &self.composition
    }

    /// The state that the bot set, as JSON text.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref().map(RawValue::get)
    }

    /// Number of the bot's current seed.
    pub fn epoch(&self) -> u32 {
        self.stream.epoch
    }

    /// The entry that began the epoch of the bot's current seed.
    pub fn epoch_began(&self) -> u64 {
        self.stream.began
    }

    /// Moves on to the next seed, after the current one was revealed because of entry `began`.
    pub fn next_epoch(&mut self, began: u64) {
        self.stream = StreamState::begin(self.stream.epoch + 1, began);
        self.changed = true;
    }

    /// Returns whether the seed was revealed after the channel had closed.
    pub fn is_final_seed_revealed(&self) -> bool {
        self.final_seed_revealed
    }

    /// Records that the seed was revealed after the channel had closed.
    pub fn mark_final_seed_revealed(&mut self) {
        self.final_seed_revealed = true;
        self.changed = true;
    }

    /// Name of a timer; `None` if it was cancelled or replaced, also after it had fired.
    pub fn timer_name(&self, n: u32) -> Option<&str> {
        self.timers.iter().find(|(_, number)| **number == n).map(|(name, _)| name.as_str())
    }

    /// Forgets a timer whose hook has run.
    pub(crate) fn forget_timer(&mut self, n: u32) {
        self.timers.retain(|_, number| *number != n);
        self.changed = true;
    }

    /// The data of every seat that `ctx.seat` takes during a call, as JSON text.
    ///
    /// Those are the seats of the players, and in `on_leave` also the one that was left: that hook is the last to see what
    /// the bot kept about the player.
    pub(crate) fn seats_for(&self, call: HookCall) -> String {
        let mut seats: BTreeMap<String, &RawValue> = BTreeMap::new();
        let empty: &RawValue = serde_json::from_str("{}").expect("an empty object");
        for (slot_id, slot) in self.composition.slots() {
            let kept = self.seats.get(&slot_id);
            let data = match slot.tenure_began() {
                Some(tenure) => kept.filter(|kept| kept.tenure == tenure),
                None if call == HookCall::Leave(slot_id) => kept,
                None => continue,
            };
            seats.insert(slot_id.to_string(), data.map_or(empty, |kept| &kept.data));
        }
        serde_json::to_string(&seats).expect("JSON texts by name")
    }

    /// Takes over the data of the seats after a hook, if the hook changed them, and drops those of tenures that have ended.
    pub(crate) fn set_seats(&mut self, seats: Option<&str>) {
        if let Some(text) = seats {
            let data: BTreeMap<SlotId, Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
            let seats = data.into_iter().filter(|(_, data)| data.get() != "{}");
            self.seats = seats
                .filter_map(|(slot_id, data)| {
                    let tenure = self.composition.slot(slot_id).and_then(ChannelSlot::tenure_began)?;
                    Some((slot_id, SeatData { tenure, data }))
                })
                .collect();
            self.changed = true;
        }
        let (composition, before) = (&self.composition, self.seats.len());
        self.seats.retain(|slot_id, kept| {
            composition.slot(*slot_id).and_then(ChannelSlot::tenure_began) == Some(kept.tenure)
        });
        self.changed |= self.seats.len() != before;
    }

    /// The entropy that a draw uses which starts now: that of the seated players who joined after the bot was attached, unless
    /// the draw is open already.
    pub(crate) fn contributions(&self, attached: u64) -> Vec<Contribution> {
        if let Some(contributions) = &self.stream.open {
            return contributions.clone();
        }
        let slots = self.composition.slots();
        slots
            .filter_map(|(slot_id, slot)| match &slot.holder {
                Some(Holder::Player { since, entropy: Some(entropy), .. }) if *since > attached => {
                    Some(Contribution { slot_id, entry: *since, entropy: *entropy })
                }
                _ => None,
            })
            .collect()
    }

    /// The seated players, for `ctx.players`.
    pub(crate) fn players(&self) -> Vec<Player> {
        let tenures =
            self.composition.slots().filter_map(|(slot_id, slot)| Some((slot_id, slot, slot.tenure_began()?)));
        let player = |(slot_id, slot, tenure): (SlotId, &ChannelSlot, u64)| Player {
            slot_id: slot_id.to_string(),
            label: slot.label.clone(),
            tenure,
            may_post: slot.accepted || !self.composition.require_terms,
        };
        tenures.map(player).collect()
    }

    /// The slots that are not closed, for `ctx.slots`.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let open = self.composition.slots().filter(|(_, slot)| !slot.closed);
        open.map(|(slot_id, slot)| Slot {
            slot_id: slot_id.to_string(),
            label: slot.label.clone(),
            kind: match slot.kind {
                SlotKind::Bot => "bot",
                SlotKind::Invite => "invite",
            },
            filled: slot.holder.is_some(),
        })
        .collect()
    }
}
