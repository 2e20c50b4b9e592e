use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{Composition, Holder, SlotKind, evolve_composition};
use mcp_multiplayer_protocol::{Contribution, Entry, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::hook::{Player, Slot};

/// What lasts between the hooks of a bot.
///
/// A hook sees the channel as it was when its trigger was appended, however late it runs: hence the
/// composition, which follows the log at the bot's own pace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    composition: Arc<Composition>,
    /// What the bot itself set with `ctx.set_state`.
    pub(crate) state: Option<Box<RawValue>>,
    /// What the runtime keeps for the bot: values that it committed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) stream: StreamState,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) timers: BTreeMap<String, Timestamp>,
    /// Whether the seed was told because the channel closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    concluded: bool,
    /// Whether it differs from what the store holds.
    #[serde(skip)]
    pub(crate) changed: bool,
}

/// Where a bot's keystream stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamState {
    pub(crate) epoch: u32,
    /// Whose entropy is in it, once it is open.
    pub(crate) open: Option<Vec<Contribution>>,
    /// Bytes drawn since it was opened, or since the epoch began.
    pub(crate) position: u64,
}

impl Memory {
    /// That of a bot which was attached just now, to a channel of this composition.
    pub fn new(composition: Arc<Composition>) -> Self {
        Self {
            composition,
            state: None,
            kept: None,
            stream: StreamState::default(),
            timers: BTreeMap::new(),
            concluded: false,
            changed: true,
        }
    }

    /// As the store keeps it.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a composition and a JSON text are plain JSON")
    }

    /// From what the store kept.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Goes one entry further along the log.
    pub fn pass(&mut self, entry: &Entry) {
        let mut due = vec![0; self.composition.bots.len()];
        evolve_composition(&mut self.composition, &mut due, entry);
        self.changed |= self.composition.revision == entry.id();
    }

    /// Whether it differs from what the store holds.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Notes that the store holds it as it is.
    pub fn stored(&mut self) {
        self.changed = false;
    }

    /// The channel, as far as the bot has come.
    pub fn composition(&self) -> &Composition {
        &self.composition
    }

    /// The state that the bot set, as JSON text.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref().map(RawValue::get)
    }

    /// Which seed the bot is at.
    pub fn epoch(&self) -> u32 {
        self.stream.epoch
    }

    /// Goes on to the next seed, because this one was told.
    pub fn next_epoch(&mut self) {
        self.stream = StreamState { epoch: self.stream.epoch + 1, ..StreamState::default() };
        self.changed = true;
    }

    /// Whether the bot's last seed was told, after the channel had closed.
    pub fn is_concluded(&self) -> bool {
        self.concluded
    }

    /// Notes that it was.
    pub fn conclude(&mut self) {
        self.concluded = true;
        self.changed = true;
    }

    /// The timer that fires first, and when.
    pub fn next_timer(&self) -> Option<(&str, Timestamp)> {
        self.timers.iter().min_by_key(|(_, due)| **due).map(|(name, due)| (name.as_str(), *due))
    }

    /// Takes a timer away, because it fires or because nothing will ever fire again.
    pub fn drop_timer(&mut self, name: &str) {
        self.changed |= self.timers.remove(name).is_some();
    }

    /// Takes all timers away.
    pub fn drop_timers(&mut self) {
        self.changed |= !self.timers.is_empty();
        self.timers.clear();
    }

    /// Entropy that the players seated now have given since the bot was attached.
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

    /// What a state hash covers.
    pub(crate) fn hashed(&self) -> Value {
        json!({
            "state": self.state,
            "kept": self.kept,
            "epoch": self.stream.epoch,
            "open": self.stream.open.is_some(),
            "position": self.stream.position,
        })
    }

    /// Who holds a seat, as `ctx.players` shows it.
    pub(crate) fn players(&self) -> Vec<Player> {
        let seats = self.composition.seats();
        seats.map(|(slot_id, slot, _)| Player { slot_id: slot_id.to_string(), label: slot.label.clone() }).collect()
    }

    /// The slots that can still be filled or are, as `ctx.slots` shows them.
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
