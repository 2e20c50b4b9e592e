//! The secret seeds of a bot, and what is derived from them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use mcp_multiplayer_protocol::{BotId, Contribution, Hash, Salt, Secret, SystemEvent};
use sha2::Sha256;

/// How many seeds a bot has: it can reveal all but the last.
pub const EPOCHS: u32 = 1024;

/// A bot's seeds, one for each epoch, up to the last one that is known here.
///
/// They are a hash chain, `seed[n] = SHA-256("mcp-multiplayer/seed-chain/v1" ‖ seed[n + 1])`, so that
/// the commitment to the first settles all of them when the bot is attached: a later seed cannot be
/// chosen to suit somebody, and a revealed one opens the earlier ones, which were revealed before it.
#[derive(Clone)]
pub struct Seeds {
    last: u32,
    seed: [u8; 32],
    /// What is known of the one after the last.
    next: Option<Hash>,
    /// The seed after the one that was asked for last: the way along the chain is long.
    near: Arc<Mutex<(u32, [u8; 32])>>,
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Seeds {
    /// All seeds of a bot, from a secret of its own.
    pub fn new(secret: [u8; 32]) -> Self {
        Self::up_to(EPOCHS - 1, secret, None)
    }

    fn up_to(last: u32, seed: [u8; 32], next: Option<Hash>) -> Self {
        Self { last, seed, next, near: Arc::new(Mutex::new((last, seed))) }
    }

    /// Those up to epoch `last`, from its seed as hex and the commitment to the one after it.
    pub fn revealed(last: u32, seed: &str, next: Option<Hash>) -> Option<Self> {
        let seed = HEXLOWER.decode(seed.as_bytes()).ok()?.try_into().ok()?;
        (last < EPOCHS).then(|| Self::up_to(last, seed, next))
    }

    /// Whether the seed of this epoch is known here.
    pub fn reaches(&self, epoch: u32) -> bool {
        epoch <= self.last
    }

    fn seed(&self, epoch: u32) -> Option<[u8; 32]> {
        if epoch > self.last {
            return None;
        }
        let mut near = self.near.lock().unwrap_or_else(PoisonError::into_inner);
        if near.0 < epoch {
            *near = (self.last, self.seed);
        }
        // Kept one step away: what comes after a seed is asked for with it.
        let kept = (epoch + 1).min(near.0);
        *near = (kept, along(near.1, near.0 - kept));
        Some(along(near.1, kept - epoch))
    }

    /// The seed of an epoch as hex, to be published.
    pub fn reveal(&self, epoch: u32) -> Option<String> {
        Some(HEXLOWER.encode(&self.seed(epoch)?))
    }

    /// The event that publishes the seed of an epoch; `None` when that seed or the next one's commitment is not known.
    pub fn reveal_event(&self, bot_id: &BotId, epoch: u32) -> Option<SystemEvent> {
        let (seed, next_commitment) = (self.reveal(epoch)?, self.commitment(epoch + 1)?);
        Some(SystemEvent::SeedRevealed { bot_id: bot_id.clone(), epoch, seed, next_commitment })
    }

    /// What is published of a seed while it is secret; `None` when it is not known here.
    pub fn commitment(&self, epoch: u32) -> Option<Hash> {
        match self.seed(epoch) {
            Some(seed) => Some(Hash::of(&[b"mcp-multiplayer/bot-seed/v1", &seed])),
            None => self.next.filter(|_| epoch == self.last + 1),
        }
    }

    /// The salt of the `index`-th entry of the call numbered `step` for the entry `trigger`.
    pub fn salt(&self, epoch: u32, trigger: u64, step: u32, index: usize) -> Option<Salt> {
        Some(Salt(self.expand(epoch, None, &format!("mcp-multiplayer/salt/v1/{trigger}/{step}/{index}"))?))
    }

    /// The key of the keystream, as hex: the relay's own before it was opened, with the players' entropy after.
    pub(crate) fn stream_key(&self, epoch: u32, opened: Option<&[Contribution]>) -> Option<Secret> {
        let key = match opened {
            None => self.expand(epoch, None, "mcp-multiplayer/stream/v1/relay-only")?,
            Some(contributions) => {
                let mut salt = Vec::with_capacity(contributions.len() * 34);
                for Contribution { slot_id, entropy, .. } in contributions {
                    let place = u16::try_from(slot_id.place()).expect("a channel has at most 32 slots");
                    salt.extend_from_slice(&place.to_be_bytes());
                    salt.extend_from_slice(entropy.as_bytes());
                }
                self.expand(epoch, Some(&salt), "mcp-multiplayer/stream/v1/open")?
            }
        };
        Some(Secret::new(HEXLOWER.encode(&key)))
    }

    /// HKDF-SHA256 (RFC 5869) of an epoch's seed.
    fn expand(&self, epoch: u32, salt: Option<&[u8]>, info: &str) -> Option<[u8; 32]> {
        let mut key = [0; 32];
        let hkdf = Hkdf::<Sha256>::new(salt, &self.seed(epoch)?);
        hkdf.expand(info.as_bytes(), &mut key).expect("32 bytes are not too many");
        Some(key)
    }
}

/// The seed so many epochs before this one.
fn along(seed: [u8; 32], steps: u32) -> [u8; 32] {
    (0..steps).fold(seed, |seed, _| *Hash::of(&[b"mcp-multiplayer/seed-chain/v1", &seed]).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revealed_seed_opens_the_earlier_ones_and_no_later_one() {
        let all = Seeds::new([7; 32]);
        let shown = Seeds::revealed(3, &all.reveal(3).unwrap(), all.commitment(4)).unwrap();
        for epoch in 0..=3 {
            assert_eq!(shown.reveal(epoch), all.reveal(epoch));
            assert_eq!(shown.commitment(epoch), all.commitment(epoch));
            assert_eq!(shown.stream_key(epoch, None), all.stream_key(epoch, None));
        }
        assert_eq!(shown.commitment(4), all.commitment(4));
        assert_eq!((shown.reveal(4), shown.commitment(5)), (None, None));
        assert_ne!(all.commitment(3), all.commitment(4));
        assert_eq!(format!("{all:?}"), "[secret]");
        assert!(Seeds::revealed(EPOCHS, &"00".repeat(32), None).is_none());
        assert!(Seeds::revealed(0, "00", None).is_none());
    }

    #[test]
    fn the_order_of_questions_changes_nothing() {
        let all = Seeds::new([7; 32]);
        let forward: Vec<_> = (0..5).map(|epoch| all.reveal(epoch)).collect();
        let anew = Seeds::new([7; 32]);
        let backward: Vec<_> = (0..5).rev().map(|epoch| anew.reveal(epoch)).collect();
        assert!(forward.iter().eq(backward.iter().rev()));
        let last = EPOCHS - 1;
        assert_eq!(all.reveal(last), Seeds::new([7; 32]).reveal(last));
        assert_eq!((all.reveal(EPOCHS), all.commitment(EPOCHS)), (None, None));
    }

    #[test]
    fn a_stream_depends_on_every_contribution() {
        let seeds = Seeds::new([7; 32]);
        let given = |slot: usize, text: &str| Contribution {
            slot_id: mcp_multiplayer_protocol::SlotId::at(slot),
            entry: 1,
            entropy: Hash::of(&[text.as_bytes()]),
        };
        let key = |contributions: &[Contribution]| seeds.stream_key(0, Some(contributions));
        let keys = [
            seeds.stream_key(0, None),
            key(&[]),
            key(&[given(1, "a")]),
            key(&[given(2, "a")]),
            key(&[given(1, "b")]),
            key(&[given(1, "a"), given(2, "b")]),
            seeds.stream_key(1, Some(&[])),
        ];
        for (place, one) in keys.iter().enumerate() {
            assert!(keys[place + 1..].iter().all(|other| other != one));
        }
    }
}
