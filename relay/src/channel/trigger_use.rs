use std::collections::HashMap;

/// Number of triggers that are remembered: those that had a hook last.
const REMEMBERED: usize = 256;

/// The amount that the hooks which led back to one entry have used: the hooks of that entry, and those of the bots' posts
/// that followed from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TriggerUse {
    /// Number of hooks.
    pub(crate) hooks: u64,
    /// Size of the bodies that they posted, in bytes.
    pub(crate) bytes: u64,
}

/// The use of the latest triggers of a channel.
#[derive(Debug, Default)]
pub(super) struct TriggerUses {
    /// Each with the number of the hook that used it last.
    by_trigger: HashMap<u64, (TriggerUse, u64)>,
    hooks: u64,
}

impl TriggerUses {
    /// The use of a trigger, which is the entry at the start of a chain of causes.
    pub(super) fn of(&self, trigger: u64) -> TriggerUse {
        self.by_trigger.get(&trigger).map(|(used, _)| *used).unwrap_or_default()
    }

    /// Adds a hook that posted this many bytes.
    pub(super) fn add_hook(&mut self, trigger: u64, bytes: u64) {
        self.hooks += 1;
        let (used, last) = self.by_trigger.entry(trigger).or_default();
        used.hooks += 1;
        used.bytes += bytes;
        *last = self.hooks;
        if self.by_trigger.len() > REMEMBERED
            && let Some(oldest) = self.by_trigger.iter().min_by_key(|(_, (_, last))| *last).map(|(trigger, _)| *trigger)
        {
            self.by_trigger.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, TriggerUse, TriggerUses};

    #[test]
    fn hooks_add_up_and_triggers_without_hooks_are_forgotten() {
        let mut uses = TriggerUses::default();
        uses.add_hook(1, 10);
        uses.add_hook(1, 5);
        assert_eq!(uses.of(1), TriggerUse { hooks: 2, bytes: 15 });
        for trigger in 2..=REMEMBERED as u64 {
            uses.add_hook(trigger, 1);
        }
        uses.add_hook(1, 1);
        uses.add_hook(1_000, 1);
        assert_eq!(uses.of(1), TriggerUse { hooks: 3, bytes: 16 }, "it was used last");
        assert_eq!(uses.of(2), TriggerUse::default());
    }
}
