use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::{Player, Slot};
use mcp_multiplayer_protocol::Entry;
use mcp_multiplayer_protocol::channel::{Composition, SlotKind, evolve_composition};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What lasts between the hooks of a bot.
///
/// A hook sees the channel as it was when its trigger was appended, however late it runs: hence the
/// composition, which follows the log at the bot's own pace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    composition: Arc<Composition>,
    /// What the bot itself set with `ctx.set_state`.
    pub(super) state: Option<Box<RawValue>>,
    /// Whether it differs from what the store holds.
    #[serde(skip)]
    pub(super) changed: bool,
}

impl Memory {
    /// That of a bot which was attached just now, to a channel of this composition.
    pub(crate) fn new(composition: Arc<Composition>) -> Self {
        Self { composition, state: None, changed: true }
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a composition and a JSON text are plain JSON")
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Goes one entry further along the log.
    pub(super) fn pass(&mut self, entry: &Entry) {
        let mut due = vec![0; self.composition.bots.len()];
        evolve_composition(&mut self.composition, &mut due, entry);
        self.changed |= self.composition.revision == entry.id();
    }

    pub(super) fn composition(&self) -> &Composition {
        &self.composition
    }

    /// Who holds a seat, as `ctx.players` shows it.
    pub(super) fn players(&self) -> Vec<Player> {
        let seats = self.composition.seats();
        seats.map(|(slot_id, slot, _)| Player { slot_id: slot_id.to_string(), label: slot.label.clone() }).collect()
    }

    /// The slots that can still be filled or are, as `ctx.slots` shows them.
    pub(super) fn slots(&self) -> Vec<Slot> {
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
