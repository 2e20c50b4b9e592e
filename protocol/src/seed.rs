//! The chain of a bot's seeds, on which its randomness rests.
//!
//! Each seed is the hash of the next one. A commitment to the first seed therefore settles all of them when the bot is
//! attached, so that no later seed can be chosen to anybody's advantage. Revealing a seed discloses only earlier ones, which
//! have been revealed already.

use crate::Hash;

/// Number of seeds of a bot. It can reveal all but the last.
pub const EPOCHS: u32 = 1024;

/// A seed: 32 bytes.
pub type Seed = [u8; 32];

/// The commitment to a seed: `SHA-256("mcp-multiplayer/bot-seed/v2" ‖ 0x00 ‖ seed)`.
pub fn commitment(seed: &Seed) -> Hash {
    Hash::of(&[b"mcp-multiplayer/bot-seed/v2\0", seed])
}

/// The seed before this one: `SHA-256("mcp-multiplayer/seed-chain/v2" ‖ 0x00 ‖ seed)`.
pub fn previous(seed: &Seed) -> Seed {
    *Hash::of(&[b"mcp-multiplayer/seed-chain/v2\0", seed]).as_bytes()
}

/// Returns whether this is the seed of that epoch in the chain whose first seed has this commitment.
#[must_use]
pub fn is_committed(seed: &Seed, epoch: u32, first: &Hash) -> bool {
    epoch < EPOCHS && commitment(&(0..epoch).fold(*seed, |seed, _| previous(&seed))) == *first
}

/// Parses a seed from the 64 lower-case hex digits in which it is revealed.
pub fn parse(text: &str) -> Option<Seed> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// The commitments that a log makes to the seeds of one bot.
#[derive(Clone, Copy, Debug)]
pub struct Commitments {
    /// That of `bot:attach`, to the first seed.
    first: Hash,
    /// That of the last `seed:reveal`, with the epoch that it is for.
    next: Option<(u32, Hash)>,
}

impl Commitments {
    /// The commitment of `bot:attach`.
    pub fn new(first: Hash) -> Self {
        Self { first, next: None }
    }

    /// Adds the commitment of a `seed:reveal`, which revealed the seed of this epoch.
    pub fn add_reveal(&mut self, epoch: u32, next_commitment: Hash) {
        self.next = epoch.checked_add(1).map(|epoch| (epoch, next_commitment));
    }

    /// Returns whether the chain leads from this seed to all commitments that are not to later ones.
    #[must_use]
    pub fn fit(&self, seed: &Seed, epoch: u32) -> bool {
        let is_later = |(next, commitment): &(u32, Hash)| {
            epoch.checked_sub(*next).is_none_or(|steps| is_committed(seed, steps, commitment))
        };
        is_committed(seed, epoch, &self.first) && self.next.as_ref().is_none_or(is_later)
    }
}
