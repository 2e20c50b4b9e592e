use crate::{Entry, limits};

/// A count of the bots' hooks that led to an entry, along the chain of causes: each posted what started the next one, or
/// asked for randomness.
///
/// The chain is walked one entry at a time, because a relay has to fetch older entries from its
/// store. [`cascade_depth`] walks a log that is in memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cascade {
    depth: u32,
}

impl Cascade {
    /// Counts an entry of the chain, and returns the id of the entry to be counted next.
    ///
    /// `None` is the end of the chain: an entry that no hook caused, or a chain so long
    /// ([`limits::CASCADE_DEPTH`]) that it does not matter how much longer it is.
    pub fn count(&mut self, entry: &Entry) -> Option<u64> {
        let cause = entry.envelope.cause.filter(|_| self.depth < limits::CASCADE_DEPTH)?;
        self.depth += 1;
        Some(cause)
    }

    /// Number of hooks counted so far.
    pub fn depth(self) -> u32 {
        self.depth
    }
}

/// Number of hooks that led to an entry: 0 for a player's entry.
pub fn cascade_depth<'a>(entry: &'a Entry, find: impl Fn(u64) -> Option<&'a Entry>) -> u32 {
    let mut cascade = Cascade::default();
    let mut next = cascade.count(entry);
    while let Some(cause) = next.and_then(&find) {
        next = cascade.count(cause);
    }
    cascade.depth()
}

#[cfg(test)]
mod tests {
    use super::cascade_depth;
    use crate::channel::{ChannelState, Draft};
    use crate::{BotId, ChannelId, Entry, Kind, Salt, Sender, SlotId, SystemEvent, Timestamp, limits};

    /// A player's post, then bots that answer one another.
    fn log(posts: u64) -> Vec<Entry> {
        let state = ChannelState::empty(ChannelId::from_bytes([7; 10]));
        let body = SystemEvent::BotsAnnounced { bots: vec![] }.to_body();
        let entry = |id: u64| {
            let (sender, cause) = match id {
                1 => (Sender::Slot(SlotId::at(1)), None),
                _ => (Sender::Bot(BotId::new("Echo", 0)), Some(id - 1)),
            };
            let draft = Draft { sender, kind: Kind::USER, to_slot: None, cause, body: body.clone() };
            let mut entry = draft.seal(&state, Timestamp::from_millis(0), Salt([0; 32]));
            entry.envelope.id = id;
            entry
        };
        (1..=posts + 1).map(entry).collect()
    }

    #[test]
    fn bot_posts_are_counted_up_to_the_limit() {
        let log = log(12);
        let find = |id: u64| log.get(usize::try_from(id).unwrap() - 1);
        assert_eq!(cascade_depth(&log[0], find), 0);
        assert_eq!(cascade_depth(&log[1], find), 1);
        assert_eq!(cascade_depth(&log[5], find), 5);
        assert_eq!(cascade_depth(&log[12], find), limits::CASCADE_DEPTH);
        assert_eq!(cascade_depth(&log[5], |_| None), 1);
    }
}
