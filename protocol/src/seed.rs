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
