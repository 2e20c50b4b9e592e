//! The memory of a bot between its hooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{Composition, Holder, SlotKind, evolve_composition};
use mcp_multiplayer_protocol::{Contribution, Entry, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

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
    #[serde(default)]
    pub(crate) stream: StreamState,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) timers: BTreeMap<String, Timestamp>,
    /// True if the seed was revealed because the channel closed.
    #[serde(default, rename = "concluded", skip_serializing_if = "std::ops::Not::not")]
    final_seed_revealed: bool,
    /// True if it differs from the stored memory.
    #[serde(skip)]
    pub(crate) changed: bool,
}

/// Position in a bot's keystream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamState {
    pub(crate) epoch: u32,
    /// The players' entropy in it; `None` before `ctx.start()`.
    pub(crate) open: Option<Vec<Contribution>>,
    /// Number of bytes drawn since `ctx.start()`, or, before it, since the epoch began.
    pub(crate) position: u64,
}

impl Memory {
    /// Memory of a bot that has just been attached to a channel of this composition.
    pub fn new(composition: Arc<Composition>) -> Self {
        Self {
            composition,
            state: None,
            commitments: None,
            stream: StreamState::default(),
            timers: BTreeMap::new(),
            final_seed_revealed: false,
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

    /// Advances the composition by the next entry of the log.
    pub fn apply(&mut self, entry: &Entry) {
        let mut due = vec![0; self.composition.bots.len()];
        evolve_composition(&mut self.composition, &mut due, entry);
        self.changed |= self.composition.revision == entry.id();
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

    /// Moves on to the next seed, after the current one was revealed.
    pub fn next_epoch(&mut self) {
        self.stream = StreamState { epoch: self.stream.epoch + 1, ..StreamState::default() };
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

    /// The timer that fires first, and its time.
    pub fn next_timer(&self) -> Option<(&str, Timestamp)> {
        self.timers.iter().min_by_key(|(_, due)| **due).map(|(name, due)| (name.as_str(), *due))
    }

    /// Removes a timer.
    pub fn remove_timer(&mut self, name: &str) {
        self.changed |= self.timers.remove(name).is_some();
    }

    /// Removes all timers.
    pub fn clear_timers(&mut self) {
        self.changed |= !self.timers.is_empty();
        self.timers.clear();
    }

    /// Entropy of the seated players who joined after the bot was attached.
    pub(crate) fn contributions(&self, attached: u64) -> Vec<Contribution> {
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

    /// The input of the state hash.
    pub(crate) fn hash_input(&self) -> Value {
        json!({
            "state": self.state,
            "kept": self.commitments,
            "epoch": self.stream.epoch,
            "open": self.stream.open.is_some(),
            "position": self.stream.position,
        })
    }

    /// The seated players, for `ctx.players`.
    pub(crate) fn players(&self) -> Vec<Player> {
        let seats = self.composition.seats();
        seats.map(|(slot_id, slot, _)| Player { slot_id: slot_id.to_string(), label: slot.label.clone() }).collect()
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
