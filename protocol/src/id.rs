use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::limits;

/// Error for a text that is not an id of the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct IdParseError(&'static str);

/// Crockford's base32 alphabet in lower case: no `i`, `l`, `o`, `u`, so that ids can be read aloud without mistakes.
fn base32() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.encoding().expect("a valid alphabet of 32 symbols")
}

thread_local! {
    static BASE32: Encoding = base32();
}

/// Id of a channel: `chn_` followed by 16 characters that encode 80 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId([u8; 10]);

impl ChannelId {
    /// Creates the id with these bits.
    pub const fn from_bytes(bytes: [u8; 10]) -> Self {
        Self(bytes)
    }

    /// Returns the id's bits.
    pub const fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }

    /// Encodes bytes in the alphabet of channel ids. Relays use it for their codes and tokens, too.
    pub fn encode_base32(bytes: &[u8]) -> String {
        BASE32.with(|alphabet| alphabet.encode(bytes))
    }

    /// Decodes the output of [`ChannelId::encode_base32`]; `None` for any other text.
    pub fn decode_base32(text: &str) -> Option<Vec<u8>> {
        BASE32.with(|alphabet| alphabet.decode(text.as_bytes()).ok())
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chn_{}", Self::encode_base32(&self.0))
    }
}

impl FromStr for ChannelId {
    type Err = IdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = IdParseError(
            "a channel id is 'chn_' followed by 16 characters, as returned by create_channel and join_channel",
        );
        let bytes = text.strip_prefix("chn_").and_then(Self::decode_base32).ok_or(error)?;
        Ok(Self(bytes.try_into().map_err(|_| error)?))
    }
}

/// Id of a slot, `s0`, `s1`, …: its place in the channel's list of slots, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(u8);

impl SlotId {
    /// Creates the id of the slot at this place.
    ///
    /// # Panics
    /// If the place is not below [`limits::SLOTS`].
    pub fn at(place: usize) -> Self {
        assert!(place < limits::SLOTS, "a channel has at most {} slots", limits::SLOTS);
        Self(u8::try_from(place).expect("checked above"))
    }

    /// Returns the slot's place in the channel's list of slots.
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl FromStr for SlotId {
    type Err = IdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = IdParseError("a slot id is 's' followed by a number below 32, such as 's1'");
        let digits = text.strip_prefix('s').ok_or(error)?;
        let canonical = !digits.starts_with('+') && (digits == "0" || !digits.starts_with('0'));
        match digits.parse::<u8>() {
            Ok(place) if canonical && usize::from(place) < limits::SLOTS => Ok(Self(place)),
            _ => Err(error),
        }
    }
}

/// Id of a bot in its channel: `bot_<name>_<number>`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BotId(String);

impl BotId {
    /// Creates the id of the `number`-th bot ever attached to a channel, counted from 0. Characters of `name` other than
    /// ASCII letters and digits become `-`.
    pub fn new(name: &str, number: u32) -> Self {
        let name: String = name.chars().take(32).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        Self(format!("bot_{name}_{number}"))
    }

    /// The number of bots that were attached to the channel before; `None` if the id does not end with a number.
    pub fn number(&self) -> Option<u32> {
        self.0.rsplit('_').next()?.parse().ok()
    }

    /// Returns the id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BotId {
    type Err = IdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = IdParseError("a bot id looks like 'bot_GuessBot_0'; the channel's bots[] lists them");
        let rest = text.strip_prefix("bot_").ok_or(error)?;
        let valid = rest.len() <= 48 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if valid && !rest.is_empty() { Ok(Self(text.to_owned())) } else { Err(error) }
    }
}

macro_rules! text_id {
    ($name:ident, $pattern:literal) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

text_id!(ChannelId, "^chn_[0-9a-hjkmnp-tv-z]{16}$");
text_id!(SlotId, "^s([12]?[0-9]|3[01])$");
text_id!(BotId, "^bot_[0-9A-Za-z_-]{1,48}$");

#[cfg(test)]
mod tests {
    use super::{BotId, ChannelId, SlotId};

    #[test]
    fn ids_round_trip_as_text() {
        let channel = ChannelId::from_bytes([0, 1, 2, 3, 4, 250, 251, 252, 253, 254]);
        assert_eq!(channel.to_string().parse(), Ok(channel));
        assert_eq!(channel.to_string().len(), 20);
        assert_eq!("s31".parse(), Ok(SlotId::at(31)));
        assert_eq!(BotId::new("Guess Bot!", 2).to_string(), "bot_Guess-Bot-_2");
        assert_eq!(BotId::new("Guess Bot!", 2).to_string().parse(), Ok(BotId::new("Guess Bot!", 2)));
    }

    #[test]
    fn malformed_ids_are_refused() {
        for slot in ["s", "s01", "s+1", "s32", "S1", "1", "s1 ", "s-1"] {
            assert!(slot.parse::<SlotId>().is_err(), "{slot}");
        }
        for channel in ["chn_", "chn_0123", "CHN_0123456789abcdef", "chn_0123456789abcdeu", "../../../etc"] {
            assert!(channel.parse::<ChannelId>().is_err(), "{channel}");
        }
        for bot in ["bot_", "GuessBot", "bot_a b", "bot_é_0"] {
            assert!(bot.parse::<BotId>().is_err(), "{bot}");
        }
    }
}
