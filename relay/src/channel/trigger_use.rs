use std::collections::BTreeMap;

/// Number of triggers that are remembered. Those that are older have long had their hooks, unless the relay is overloaded.
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
pub(super) struct TriggerUses(BTreeMap<u64, TriggerUse>);

impl TriggerUses {
    /// The use of a trigger, which is the entry at the start of a chain of causes.
    pub(super) fn of(&self, trigger: u64) -> TriggerUse {
        self.0.get(&trigger).copied().unwrap_or_default()
    }

    /// Adds a hook that posted this many bytes.
    pub(super) fn add_hook(&mut self, trigger: u64, bytes: u64) {
        let used = self.0.entry(trigger).or_default();
        used.hooks += 1;
        used.bytes += bytes;
        if self.0.len() > REMEMBERED {
            self.0.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, TriggerUse, TriggerUses};

    #[test]
    fn hooks_add_up_and_old_triggers_are_forgotten() {
        let mut uses = TriggerUses::default();
        uses.add_hook(1, 10);
        uses.add_hook(1, 5);
        assert_eq!(uses.of(1), TriggerUse { hooks: 2, bytes: 15 });
        for trigger in 2..=REMEMBERED as u64 + 1 {
            uses.add_hook(trigger, 1);
        }
        assert_eq!((uses.of(1), uses.of(2)), (TriggerUse::default(), TriggerUse { hooks: 1, bytes: 1 }));
    }
}
