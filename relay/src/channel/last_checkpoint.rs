use std::sync::{Arc, Mutex};

/// The checkpoint of a channel that was signed last. There is one for each size of the log, so that it is signed once however
/// many replies carry it.
#[derive(Debug, Default)]
pub(super) struct LastCheckpoint(Mutex<Option<(u64, Arc<str>)>>);

impl LastCheckpoint {
    /// Returns a checkpoint that covers this size of the durable log: the last one, if it does, or else one that `sign` makes.
    /// The size that it is for comes with it. Others who want one of this channel wait meanwhile, for some microseconds, and so do not sign the same again.
    pub(super) fn get(&self, size: u64, sign: impl FnOnce() -> String) -> (u64, Arc<str>) {
        let mut last = self.0.lock().expect("no code panics while it holds a channel's checkpoint");
        match &*last {
            Some((signed, checkpoint)) if *signed >= size => (*signed, Arc::clone(checkpoint)),
            _ => {
                let checkpoint: Arc<str> = sign().into();
                *last = Some((size, Arc::clone(&checkpoint)));
                (size, checkpoint)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LastCheckpoint;

    #[test]
    fn each_size_is_signed_once_at_most() {
        let last = LastCheckpoint::default();
        let mut signed = 0;
        for (size, covered) in [(1, 1), (1, 1), (2, 2), (2, 2), (1, 2), (3, 3)] {
            let (of_size, checkpoint) = last.get(size, || {
                signed += 1;
                format!("checkpoint {size}")
            });
            assert_eq!((of_size, &*checkpoint), (covered, &*format!("checkpoint {covered}")));
        }
        assert_eq!(signed, 3);
    }
}
