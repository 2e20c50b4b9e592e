//! User codes (RFC 8628, section 6.1), which a device shows and a person enters on another one.

use std::fmt;

use mcp_multiplayer_protocol::Hash;

use crate::auth::token_hash;
use crate::clock::Random;

/// Consonants only: no letter looks like a digit or like another letter, and no code is a word.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Number of letters: 34 bits.
const LENGTH: usize = 8;

/// A user code. It is displayed in two groups, as `WDJB-MJHT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserCode(String);

impl UserCode {
    pub(super) fn generate(random: &Random) -> Self {
        // Numbers beyond the last multiple of 20 are dropped, so that all letters are equally likely.
        let letters = std::iter::repeat_with(|| random.bytes::<16>())
            .flatten()
            .filter(|byte| usize::from(*byte) < 256 / ALPHABET.len() * ALPHABET.len())
            .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        Self(letters.take(LENGTH).collect())
    }

    /// Parses a code as people enter it: in any letter case, with or without hyphens and spaces.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_separator =
            |character: char| character.is_whitespace() || ('\u{2010}'..='\u{2015}').contains(&character);
        let letters = text.chars().filter(|character| *character != '-' && !is_separator(*character));
        let code: String = letters.take(LENGTH + 1).map(|letter| letter.to_ascii_uppercase()).collect();
        (code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(Self(code))
    }

    /// Returns the hash that the store has.
    pub(super) fn hash(&self) -> Hash {
        token_hash(&self.0)
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        write!(f, "{first}-{second}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{ALPHABET, UserCode};
    use crate::clock::Random;

    #[test]
    fn codes_are_entered_in_any_form() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        assert_eq!(code.to_string(), "WDJB-MJHT");
        for text in ["wdjbmjht", " wdjb mjht ", "W-D-J-B-M-J-H-T", "WDJB\u{2013}mjht"] {
            assert_eq!(UserCode::parse(text).as_ref(), Some(&code), "{text}");
        }
        for text in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJH1", "WDJB-MJHA", "WDJB_MJHT", "ＷDJBMJHT", "wdjbmjhé"] {
            assert_eq!(UserCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn codes_are_random_letters_of_the_alphabet() {
        let codes: HashSet<String> = (0..500).map(|_| UserCode::generate(&Random::system()).to_string()).collect();
        assert_eq!(codes.len(), 500);
        let letters: HashSet<u8> = codes.iter().flat_map(|code| code.bytes()).filter(|byte| *byte != b'-').collect();
        assert_eq!(letters, ALPHABET.iter().copied().collect());
        assert!(codes.iter().all(|code| UserCode::parse(code).is_some_and(|parsed| parsed.to_string() == *code)));
    }
}
