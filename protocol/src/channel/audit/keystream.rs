use crate::KeystreamRange;

/// A bot's place in its keystream.
#[derive(Clone, Debug, Default)]
pub(super) struct Keystream {
    epoch: u32,
    /// True once the keystream contains what the players gave.
    is_open: bool,
    /// Number of bytes drawn since the epoch began, or since the keystream was opened.
    position: u64,
    /// The `entropy:open` that opens it for the hooks which it and later entries start.
    opening: Option<u64>,
}

impl Keystream {
    /// Takes note of an `entropy:open`.
    pub(super) fn open_at(&mut self, entry: u64) {
        self.opening.get_or_insert(entry);
    }

    /// The place after a hook that this entry started, which revealed this number of seeds and says that it drew these bytes.
    pub(super) fn after_hook(
        mut self,
        trigger: u64,
        reveals: u32,
        drawn: &[KeystreamRange],
    ) -> Result<Self, &'static str> {
        if self.opening.is_some_and(|opening| opening <= trigger) {
            self.opening = None;
            if !self.is_open {
                (self.is_open, self.position) = (true, 0);
            }
        }
        let mut drawn = drawn.iter().peekable();
        self.draw(&mut drawn)?;
        for _ in 0..reveals {
            (self.epoch, self.is_open, self.position) = (self.epoch.saturating_add(1), false, 0);
            self.draw(&mut drawn)?;
        }
        if drawn.next().is_some() { Err(OUT_OF_PLACE) } else { Ok(self) }
    }

    /// Draws the next range, if it is of the present epoch.
    fn draw<'a>(
        &mut self,
        drawn: &mut std::iter::Peekable<impl Iterator<Item = &'a KeystreamRange>>,
    ) -> Result<(), &'static str> {
        let (epoch, is_open) = (self.epoch, self.is_open);
        let Some(range) = drawn.next_if(|range| (range.epoch, range.open) == (epoch, is_open)) else { return Ok(()) };
        if range.from != self.position || range.to <= range.from {
            return Err(OUT_OF_PLACE);
        }
        self.position = range.to;
        Ok(())
    }
}

const OUT_OF_PLACE: &str = "bot:ran says that the hook drew from a place of the keystream where the bot was not";
