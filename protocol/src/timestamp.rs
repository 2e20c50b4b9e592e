use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time with millisecond precision; written as RFC 3339 in UTC, with milliseconds and `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// First millisecond of the year 0, the earliest that has a four-digit year.
    const MIN_MS: i64 = -62_167_219_200_000;
    /// Last millisecond of the year 9999, the latest that has a four-digit year.
    const MAX_MS: i64 = 253_402_300_799_999;

    /// Creates a timestamp from milliseconds since 1970-01-01T00:00:00Z, clamped to the years 0 to 9999.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN_MS, Self::MAX_MS))
    }

    /// Returns the time this many milliseconds later, clamped like [`from_millis`](Self::from_millis).
    #[must_use]
    pub fn after_millis(self, millis: u64) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)))
    }

    /// Returns milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = DateTime::<Utc>::from_timestamp_millis(self.0).expect("clamped to four-digit years");
        f.write_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl FromStr for Timestamp {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = "a timestamp looks like 2026-11-20T12:00:00.000Z";
        let moment = DateTime::parse_from_rfc3339(text).map_err(|_| error)?;
        let timestamp = Self::from_millis(moment.timestamp_millis());
        // Only one spelling is accepted, because timestamps are hashed.
        if timestamp.to_string() == text { Ok(timestamp) } else { Err(error) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn is_written_with_milliseconds_and_z() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_795_176_000_120).to_string(), "2026-11-20T12:00:00.120Z");
    }

    #[test]
    fn other_spellings_are_refused() {
        assert_eq!("2026-11-20T12:00:00.120Z".parse(), Ok(Timestamp::from_millis(1_795_176_000_120)));
        for other in ["2026-11-20T12:00:00Z", "2026-11-20T12:00:00.120+00:00", "2026-11-20 12:00:00.120Z"] {
            assert!(other.parse::<Timestamp>().is_err(), "{other}");
        }
    }
}
