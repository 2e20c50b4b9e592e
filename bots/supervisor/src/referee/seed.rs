//! The secret seeds of a bot, and the keys that are derived from them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use mcp_multiplayer_protocol::{BotId, Contribution, Hash, Secret, SystemEvent, seed};
use sha2::Sha256;

pub use mcp_multiplayer_protocol::seed::EPOCHS;

/// A bot's seeds, one for each epoch. A relay has all of them; a replay has those up to the last one that was revealed.
///
/// They are the chain of [`mcp_multiplayer_protocol::seed`].
#[derive(Clone)]
pub struct Seeds {
    /// Number of the known ones, from the first one on.
    known: u32,
    /// The last of them.
    seed: [u8; 32],
    /// Commitment to the seed after it, if it is known.
    next_commitment: Option<Hash>,
    /// The seed after the one that was requested last. It is the starting point for the next request, since computing
    /// each seed from the end of the chain would take up to 1,023 hashes.
    cache: Arc<Mutex<(u32, [u8; 32])>>,
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

    fn up_to(last: u32, seed: [u8; 32], next_commitment: Option<Hash>) -> Self {
        Self { known: last + 1, seed, next_commitment, cache: Arc::new(Mutex::new((last, seed))) }
    }

    /// The seeds up to epoch `last`, from the seed of that epoch in hexadecimal and the commitment to the following
    /// one.
    pub fn revealed(last: u32, seed: &str, next_commitment: Option<Hash>) -> Option<Self> {
        let seed = seed::parse(seed)?;
        (last < EPOCHS).then(|| Self::up_to(last, seed, next_commitment))
    }

    /// No seed at all, for a replay of a bot that has not revealed any.
    pub fn unknown() -> Self {
        Self { known: 0, seed: [0; 32], next_commitment: None, cache: Arc::default() }
    }

    /// Returns whether the seed of this epoch is known.
    pub fn contains(&self, epoch: u32) -> bool {
        epoch < self.known
    }

    fn seed(&self, epoch: u32) -> Option<[u8; 32]> {
        if epoch >= self.known {
            return None;
        }
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.0 < epoch {
            *cache = (self.known - 1, self.seed);
        }
        // The cache keeps the following seed, because a request for a seed usually comes with one for the next.
        let following = (epoch + 1).min(cache.0);
        *cache = (following, earlier_seed(cache.1, cache.0 - following));
        Some(earlier_seed(cache.1, following - epoch))
    }

    /// The seed of an epoch in hexadecimal, to be published.
    pub fn reveal(&self, epoch: u32) -> Option<String> {
        Some(HEXLOWER.encode(&self.seed(epoch)?))
    }

    /// The event that publishes the seed of an epoch, which entry `began` began; `None` if that seed or the
    /// commitment to the next one is not known.
    pub fn reveal_event(&self, bot_id: &BotId, epoch: u32, began: u64) -> Option<SystemEvent> {
        let (seed, next_commitment) = (self.reveal(epoch)?, self.commitment(epoch + 1)?);
        Some(SystemEvent::SeedRevealed { bot_id: bot_id.clone(), epoch, began, seed, next_commitment })
    }

    /// The commitment to a seed, which is published while the seed is secret; `None` if it is not known.
    pub fn commitment(&self, epoch: u32) -> Option<Hash> {
        match self.seed(epoch) {
            Some(seed) => Some(seed::commitment(&seed)),
            None => self.next_commitment.filter(|_| epoch == self.known),
        }
    }

    /// The key of the keystream in hexadecimal: from the relay's seed alone before `ctx.start()`, and with the players'
    /// entropy after it.
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
        hkdf.expand(info.as_bytes(), &mut key).expect("32 bytes are within HKDF's limit");
        Some(key)
    }
}

/// The seed that is `steps` epochs earlier than `seed`.
fn earlier_seed(seed: [u8; 32], steps: u32) -> [u8; 32] {
    (0..steps).fold(seed, |seed, _| seed::previous(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revealed_seed_yields_earlier_seeds_but_no_later_one() {
        let all = Seeds::new([7; 32]);
        let revealed = Seeds::revealed(3, &all.reveal(3).unwrap(), all.commitment(4)).unwrap();
        for epoch in 0..=3 {
            assert_eq!(revealed.reveal(epoch), all.reveal(epoch));
            assert_eq!(revealed.commitment(epoch), all.commitment(epoch));
            assert_eq!(revealed.stream_key(epoch, None), all.stream_key(epoch, None));
        }
        assert_eq!(revealed.commitment(4), all.commitment(4));
        assert_eq!((revealed.reveal(4), revealed.commitment(5)), (None, None));
        assert_ne!(all.commitment(3), all.commitment(4));
        assert_eq!(format!("{all:?}"), "[secret]");
        assert!(Seeds::revealed(EPOCHS, &"00".repeat(32), None).is_none());
        assert!(Seeds::revealed(0, "00", None).is_none());
    }

    #[test]
    fn seeds_do_not_depend_on_the_order_of_requests() {
        let all = Seeds::new([7; 32]);
        let forward: Vec<_> = (0..5).map(|epoch| all.reveal(epoch)).collect();
        let other = Seeds::new([7; 32]);
        let backward: Vec<_> = (0..5).rev().map(|epoch| other.reveal(epoch)).collect();
        assert!(forward.iter().eq(backward.iter().rev()));
        let last = EPOCHS - 1;
        assert_eq!(all.reveal(last), Seeds::new([7; 32]).reveal(last));
        assert_eq!((all.reveal(EPOCHS), all.commitment(EPOCHS)), (None, None));
    }

    #[test]
    fn every_contribution_changes_the_stream_key() {
        let seeds = Seeds::new([7; 32]);
        let contribution = |slot: usize, text: &str| Contribution {
            slot_id: mcp_multiplayer_protocol::SlotId::at(slot),
            entry: 1,
            entropy: Hash::of(&[text.as_bytes()]),
        };
        let key = |contributions: &[Contribution]| seeds.stream_key(0, Some(contributions));
        let keys = [
            seeds.stream_key(0, None),
            key(&[]),
            key(&[contribution(1, "a")]),
            key(&[contribution(2, "a")]),
            key(&[contribution(1, "b")]),
            key(&[contribution(1, "a"), contribution(2, "b")]),
            seeds.stream_key(1, Some(&[])),
        ];
        for (place, one) in keys.iter().enumerate() {
            assert!(keys[place + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn keys_of_keystreams_are_those_of_the_golden_vectors() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol/tests/vectors/constructions.json");
        let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let find = |name: &str| {
            let constructions = file["constructions"].as_array().unwrap();
            constructions.iter().find(|construction| construction["name"] == name).unwrap()
        };
        let seeds = |vector: &serde_json::Value| {
            let seed = vector["input"]["seed"].as_str().unwrap();
            Seeds::revealed(0, seed, None).unwrap()
        };
        let vector = find("keystream_key_relay_only");
        assert_eq!(seeds(vector).stream_key(0, None).unwrap().expose(), vector["right"]);
        let vector = find("keystream_key_open");
        let given = vector["input"]["contributions"].as_array().unwrap().iter().map(|given| Contribution {
            slot_id: given["slot_id"].as_str().unwrap().parse().unwrap(),
            entry: given["entry"].as_u64().unwrap(),
            entropy: Hash::of(&[given["entropy_text"].as_str().unwrap().as_bytes()]),
        });
        let given: Vec<_> = given.collect();
        assert_eq!(seeds(vector).stream_key(0, Some(&given)).unwrap().expose(), vector["right"]);
    }
}
